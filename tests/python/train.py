"""A training that writes into a database as Experiment Manager does: `train.py DATABASE`.

sqlite3.connect with its own timeout of five seconds, the rollback journal that a new file has, foreign keys off, one commit per epoch.
Says, as JSON after "@@", how long each epoch had to wait, and ends when its standard input is closed. A commit that fails ends it.
"""
import json
import sqlite3
import sys
import threading
import time

TIME = "2024-01-01T00:00:00"


def say(value):
    print("@@" + json.dumps(value), flush=True)


def main(path):
    closed = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), closed.set()), daemon=True).start()
    connection = sqlite3.connect(path)
    cursor = connection.cursor()
    cursor.execute("INSERT INTO EXPERIMENT (title, start_time, update_time) VALUES ('live', ?, ?)", (TIME, TIME))
    cursor.execute("INSERT INTO TRIAL (name, experiment_id, start_time, update_time) VALUES ('t', ?, ?, ?)", (cursor.lastrowid, TIME, TIME))
    cursor.execute("INSERT INTO TRIAL_RUN (trial_id, status, start_time, update_time) VALUES (?, 'started', ?, ?)", (cursor.lastrowid, TIME, TIME))
    run = cursor.lastrowid
    connection.commit()
    epoch = 0
    while not closed.is_set():
        began = time.monotonic()
        cursor.execute("INSERT INTO EPOCH (idx, trial_run_id, time) VALUES (?, ?, ?)", (epoch, run, TIME))
        cursor.execute("INSERT INTO METRIC (type, total_val, per_label_val) VALUES ('loss', ?, NULL)", (1 / (epoch + 1),))
        cursor.execute("INSERT INTO EPOCH_METRIC (epoch_idx, epoch_trial_run_id, metric_id) VALUES (?, ?, ?)", (epoch, run, cursor.lastrowid))
        connection.commit()
        say({"epoch": epoch, "waited": time.monotonic() - began})
        epoch += 1
        time.sleep(0.01)
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
