"""Writes the tables that the MLflow that runs it makes on a server: tables.py URL OUTPUT.sql, in the environments that make.py names, with

    pip install pymysql psycopg2-binary
    python tables.py mysql+pymysql://USER:PASSWORD@HOST:PORT/SCHEMA OUTPUT.sql
    python tables.py postgresql+psycopg2://USER:PASSWORD@HOST:PORT/DATABASE OUTPUT.sql

The schema has to be empty. What comes out makes the same tables in another one, with the rows of a store that has no runs. The server says by itself
how its tables are made (`SHOW CREATE TABLE`), and `pg_dump` does for PostgreSQL. tests/mlflow makes its stores on servers of these files.
"""

import os
import re
import subprocess
import sys
import tempfile

os.environ.update(LOGNAME="someone", USER="someone", MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
url, output = sys.argv[1], os.path.abspath(sys.argv[2])
os.chdir(tempfile.mkdtemp())

import mlflow
import sqlalchemy
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

# The store's start makes the tables, experiment 0, and what else MLflow wants to be there.
SqlAlchemyStore(url, "mlflow-artifacts:/")
engine = sqlalchemy.create_engine(url)
quote = engine.dialect.identifier_preparer.quote_identifier
out = ["-- Tables and rows that MLflow %s makes on %s; made by tables.py." % (mlflow.__version__, engine.dialect.name)]


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else "'%s'" % str(value).replace("\\", "\\\\").replace("'", "''")


def rows(connection, tables):
    for table in tables:
        for row in connection.execute(sqlalchemy.text("SELECT * FROM %s" % quote(table))):
            values = ", ".join(literal(value) for value in row)
            # When the store was made is nobody's business.
            yield "INSERT INTO %s VALUES (%s);" % (quote(table), re.sub(r"\b1[6-9]\d{11}\b", "1700000000000", values))


with engine.connect() as connection:
    tables = sorted(sqlalchemy.inspect(connection).get_table_names())
    if engine.dialect.name == "mysql":
        out.append("SET foreign_key_checks = 0;")
        for table in tables:
            made = connection.execute(sqlalchemy.text("SHOW CREATE TABLE `%s`" % table)).fetchone()[1]
            out.append(re.sub(r" AUTO_INCREMENT=\d+", "", re.sub(r"\n\s*", " ", made)) + ";")
        for (trigger,) in connection.execute(
            sqlalchemy.text("SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()")
        ):
            made = connection.execute(sqlalchemy.text("SHOW CREATE TRIGGER `%s`" % trigger)).fetchone()[2]
            out.append(re.sub(r"\s+", " ", re.sub(r"DEFINER=\S+ ", "", made)) + ";")
        out.append("SET foreign_key_checks = 1;")
        # Otherwise experiment 0 would be numbered.
        out.append("SET sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO';")
    else:
        plain = url.replace("+psycopg2", "")
        words = ["pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--no-comments", "--dbname", plain]
        dumped = subprocess.run(words, stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
        # The tests have schemas of their own.
        dumped = re.sub(r"\bpublic\.", "", dumped)
        lines = [line for line in dumped.splitlines() if line and not re.match(r"--|SET |SELECT pg_catalog|\\", line)]
        out.append("\n".join(lines))
    out.extend(rows(connection, tables))

with open(output, "w") as file:
    file.write("\n".join(out) + "\n")
print(mlflow.__version__, engine.dialect.name, len(tables), os.path.getsize(output))
