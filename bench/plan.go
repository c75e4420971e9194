package main

import "time"

// plan says how much is measured.
type plan struct {
	runs    int           // rounds
	slice   time.Duration // how long a contender runs in a round
	short   time.Duration // the same for numbers of callers that only a plot needs
	callers []int         // the first and the last are in the tables of ratios

	before, with int // how often each contender has a turn without and with the old snapshot
	turn         time.Duration

	sequences, journal int // powers of ten: up to so many sequences, and rows of the journal
	batch              int // numbers in one INSERT
	rows               int // rows in one INSERT into a column that numbers itself
	audited            int // rows that the audit reads
	taken              int // rows with numbers, in a table that is attached
	series, columns    int // that the doctor looks at
}

var full = plan{
	runs: 5, slice: 700 * time.Millisecond, short: 250 * time.Millisecond,
	callers: []int{1, 2, 4, 8, 16, 32, 64},
	before:  5, with: 20, turn: time.Second, // three contenders: 60 seconds
	sequences: 6, journal: 7, batch: 1_000_000, rows: 10_000, audited: 1_000_000, taken: 1_000_000, series: 10_000, columns: 500,
}

var quick = plan{
	runs: 2, slice: 60 * time.Millisecond, short: 30 * time.Millisecond,
	callers: []int{1, 8, 64},
	before:  2, with: 3, turn: 60 * time.Millisecond,
	sequences: 3, journal: 4, batch: 10_000, rows: 1_000, audited: 10_000, taken: 10_000, series: 100, columns: 3,
}
