#!/bin/sh
# Optuna 4.9.0 writes the local time of the writer into its tables, 5.0.0 writes UTC into the same ones: the schema's version is the same, nothing in a row
# says which it is, and `library_version` stays that of the version that made the tables. So a study that both went on with has times of two clocks.
# expmig's reader asks for the writer's zone, marks the runs whose time is not certain, and keeps the times as they stand (docs/bring-in.md).
#
# Seen with optuna 4.9.0 and 5.0.0, Python 3.11. Installs both in a temporary folder; fails if the behaviour changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 4.9.0 5.0.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check "optuna==$version"
done
cat >"$folder/ask.py" <<'EOF'
import sys
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(storage="sqlite:///" + sys.argv[1], study_name="both", load_if_exists=True)
study.tell(study.ask(), 1.0)
EOF
# Nine hours east of Greenwich, all year round.
for version in 4.9.0 5.0.0; do
    TZ=Asia/Tokyo "$folder/$version/bin/python" "$folder/ask.py" "$folder/study.db" 2>/dev/null
done
python3 - "$folder/study.db" <<'EOF'
import datetime
import sqlite3
import sys

database = sqlite3.connect(sys.argv[1])
(made_by,), (schema,) = database.execute("SELECT library_version FROM version_info").fetchone(), database.execute("SELECT version_num FROM alembic_version").fetchone()
times = [datetime.datetime.fromisoformat(time) for time, in database.execute("SELECT datetime_start FROM trials ORDER BY trial_id")]
print("tables %s, made by %s" % (schema, made_by))
print("trial 0, by 4.9.0, then trial 1, by 5.0.0:", *(time.strftime("%H:%M") for time in times))
apart = times[0] - times[1]
print("the later trial began %.1f hours before the earlier one" % (apart.total_seconds() / 3600))
if (made_by, schema) != ("4.9.0", "v3.2.0.a") or not datetime.timedelta(hours=8.9) < apart < datetime.timedelta(hours=9):
    sys.exit("this has changed")
EOF
