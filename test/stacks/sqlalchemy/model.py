from sqlalchemy import BigInteger, Column, FetchedValue, Identity, Index, Text, create_engine
from sqlalchemy.orm import declarative_base

from checks import url

engine = create_engine(url.replace("postgres://", "postgresql://", 1))
Base = declarative_base()


class Invoice(Base):
    __tablename__ = "invoices"
    __mapper_args__ = {"eager_defaults": True}
    id = Column(BigInteger, Identity(always=True), primary_key=True)
    customer = Column(Text, nullable=False)
    number = Column(BigInteger, FetchedValue(), nullable=False, unique=True)


class Contract(Base):
    __tablename__ = "contracts"
    id = Column(BigInteger, Identity(always=True), primary_key=True)
    customer = Column(Text, nullable=False)
    number = Column(BigInteger, FetchedValue())
    __table_args__ = (Index("contracts_number", number, unique=True, postgresql_where=number.isnot(None)),)
