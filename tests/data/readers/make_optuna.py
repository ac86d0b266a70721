"""Makes storages of Optuna's, and what its own API reads of them: make_optuna.py FOLDER [URL...], run by an interpreter that has optuna (4.9.0 or 5.0.0).

Writes FOLDER/VERSION.db (tables), FOLDER/VERSION.log (journal) and FOLDER/VERSION.json: for each of both the studies with their trials. With URLs, as
SQLAlchemy has them, of empty schemas of servers also FOLDER/VERSION-ENGINE.sql, which makes the tables and rows of such a schema, and their studies in
the .json. Run with TZ=Asia/Tokyo, so that local times are told from UTC. Nothing of the machine is in them.
"""

import json
import math
import os
import re
import subprocess
import sys

import optuna
import sqlalchemy
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)
folder, version = sys.argv[1], optuna.__version__
tables, journal = [os.path.join(folder, version + end) for end in (".db", ".log")]


def fill(storage):
    first = optuna.create_study(storage=storage, study_name="many objectives", directions=["minimize", "maximize"])
    first.set_user_attr("owner", {"team": "vision", "odd": float("nan")})
    first.set_user_attr("note", "größe")
    first.set_metric_names(["error", "speed"])

    def objectives(trial):
        x = trial.suggest_float("x", -1, 1)
        n = trial.suggest_int("n", 1, 9)
        kind = trial.suggest_categorical("kind", ["relu", None, True, 1.5])
        trial.set_user_attr("text", "1.5")
        trial.set_user_attr("number", 1.5)
        trial.set_user_attr("list", [1, float("inf"), "x"])
        return x * x, float(n) if kind is None else math.inf

    first.optimize(objectives, n_trials=4)

    second = optuna.create_study(storage=storage, study_name="one objective", sampler=optuna.samplers.RandomSampler(seed=7))

    def objective(trial):
        rate = trial.suggest_float("rate", 1e-5, 1, log=True)
        trial.suggest_int("pre@5", 2, 64, log=True)
        if trial.number == 0:
            trial.set_user_attr("mlflow.runName", "mine")
        for step, value in [(0, rate), (5, float("nan")), (2, -math.inf), (3, -0.0), (7, 5e-324)]:
            trial.report(value, step)
        if trial.number == 1:
            raise optuna.TrialPruned()
        if trial.number == 2:
            return float("nan")
        if trial.number == 3:
            raise ValueError("it failed")
        return rate

    second.optimize(objective, n_trials=5, catch=(ValueError,))
    second.enqueue_trial({"rate": 0.25})
    begun = second.ask()
    begun.suggest_float("rate", 1e-5, 1, log=True)
    begun.report(0.5, 1)
    second.enqueue_trial({"rate": 0.125})
    distributions = {"a": FloatDistribution(0, 1, step=0.25), "b": IntDistribution(0, 5), "c": CategoricalDistribution(["yes", "no"])}
    params = {"a": 0.75, "b": 3, "c": "no"}
    second.add_trial(create_trial(value=0.1, params=params, distributions=distributions, intermediate_values={1: 0.5, 0: 1.0}, user_attrs={"made": "by hand"}))
    second.add_trial(create_trial(state=TrialState.FAIL))

    gone = optuna.create_study(storage=storage, study_name="gone")
    gone.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    optuna.delete_study(study_name="gone", storage=storage)
    optuna.create_study(storage=storage, study_name="empty")


def number(value):
    return repr(float(value))


def shown(value):
    return value if isinstance(value, str) else json.dumps(value)


def read(storage):
    studies = []
    for summary in optuna.get_all_study_summaries(storage=storage):
        study = optuna.load_study(study_name=summary.study_name, storage=storage)
        trials = []
        for trial in study.get_trials(deepcopy=False):
            trials.append(
                {
                    "number": trial.number,
                    "state": trial.state.name,
                    "start": trial.datetime_start and trial.datetime_start.isoformat(),
                    "complete": trial.datetime_complete and trial.datetime_complete.isoformat(),
                    "params": {key: str(value) for key, value in trial.params.items()},
                    "values": trial.values and [number(value) for value in trial.values],
                    "intermediate": {str(step): number(value) for step, value in trial.intermediate_values.items()},
                    "user": {key: shown(value) for key, value in trial.user_attrs.items()},
                    "system": {key: json.dumps(value) for key, value in trial.system_attrs.items()},
                }
            )
        directions = [direction.name for direction in study.directions]
        user = {key: shown(value) for key, value in study.user_attrs.items()}
        studies.append({"name": study.study_name, "directions": directions, "user": user, "trials": trials})
    return sorted(studies, key=lambda study: study["name"])


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return repr(value)
    return "'%s'" % str(value).replace("\\", "\\\\" if dialect == "mysql" else "\\").replace("'", "''")


def dump(url):
    """The statements, one a line, that make the tables and rows of a schema."""
    engine = sqlalchemy.create_engine(url)
    quote = engine.dialect.identifier_preparer.quote_identifier
    lines = ["-- Tables and rows of Optuna %s on %s; made by make_optuna.py." % (version, dialect)]
    with engine.connect() as connection:
        # Each behind those that it refers to.
        names = [table.name for table in metadata(engine).sorted_tables]
        if dialect == "mysql":
            for name in names:
                made = connection.execute(sqlalchemy.text("SHOW CREATE TABLE `%s`" % name)).fetchone()[1]
                lines.append(re.sub(r" AUTO_INCREMENT=\d+", "", re.sub(r"\n\s*", " ", made)) + ";")
        else:
            words = ["pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--no-comments", "--dbname", url.replace("+psycopg2", "")]
            dumped = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
            # The tests have schemas of their own.
            dumped = re.sub(r"\bpublic\.", "", dumped)
            lines += [line for line in dumped.splitlines() if line and not re.match(r"--|SET |SELECT pg_catalog|\\", line)]
        for name in names:
            for row in connection.execute(sqlalchemy.text("SELECT * FROM %s" % quote(name))):
                lines.append("INSERT INTO %s VALUES (%s);" % (quote(name), ", ".join(map(literal, row))))
    return lines


def metadata(engine):
    known = sqlalchemy.MetaData()
    known.reflect(engine)
    return known


os.makedirs(folder, exist_ok=True)
found = {}
storages = [("tables", RDBStorage("sqlite:///" + tables)), ("journal", JournalStorage(JournalFileBackend(journal)))]
storages += [(url.split(":")[0].split("+")[0], RDBStorage(url)) for url in sys.argv[2:]]
for name, storage in storages:
    fill(storage)
    found[name] = read(storage)
for url in sys.argv[2:]:
    dialect = url.split(":")[0].split("+")[0]
    with open(os.path.join(folder, "%s-%s.sql" % (version, dialect)), "w", encoding="utf-8") as out:
        out.write("\n".join(dump(url)) + "\n")
with open(os.path.join(folder, version + ".json"), "w", encoding="utf-8") as out:
    json.dump(found, out, indent=1, ensure_ascii=False, sort_keys=True)
    out.write("\n")
