-- Names as users may have them, of tables and types of their own.
CREATE TABLE cases (number bigint PRIMARY KEY, title text NOT NULL);
CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text NOT NULL, number bigint UNIQUE);
CREATE TABLE sequence (id bigint PRIMARY KEY);
CREATE TABLE counters (id bigint PRIMARY KEY);
CREATE TABLE holders (id bigint PRIMARY KEY);
CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE);
