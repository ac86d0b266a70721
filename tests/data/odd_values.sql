-- Experiments with odd values, extra columns, links between rows, and shared rows. The digests of earlier versions are compared with those of this one.
CREATE TABLE SCHEMA_VERSION (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  version VARCHAR(20) NOT NULL UNIQUE,
  migration_name VARCHAR(255) NOT NULL,
  description TEXT,
  applied_at TEXT NOT NULL,
  rollback_script TEXT
);
CREATE TABLE EXPERIMENT (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  title VARCHAR(255) NOT NULL,
  "desc" TEXT,
  start_time TEXT NOT NULL,
  update_time TEXT NOT NULL
);
CREATE TABLE TRIAL (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name VARCHAR(255) NOT NULL,
  seed INTEGER,
  experiment_id INT NOT NULL,
  start_time TEXT NOT NULL,
  update_time TEXT NOT NULL,
  FOREIGN KEY (experiment_id) REFERENCES EXPERIMENT(id)
);
CREATE TABLE TRIAL_RUN (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  trial_id INT NOT NULL,
  status VARCHAR(50) NOT NULL,
  start_time TEXT NOT NULL,
  update_time TEXT NOT NULL,
  FOREIGN KEY (trial_id) REFERENCES TRIAL(id)
);
CREATE TABLE RESULTS (
  trial_run_id INT PRIMARY KEY,
  time TEXT NOT NULL,
  FOREIGN KEY (trial_run_id) REFERENCES TRIAL_RUN(id)
);
CREATE TABLE EPOCH (
  idx INT,
  trial_run_id INT,
  time TEXT NOT NULL,
  PRIMARY KEY (idx, trial_run_id),
  FOREIGN KEY (trial_run_id) REFERENCES TRIAL_RUN(id)
);
CREATE TABLE BATCH (
  idx INT,
  epoch_idx INT,
  trial_run_id INT,
  time TEXT NOT NULL,
  PRIMARY KEY (idx, epoch_idx, trial_run_id),
  FOREIGN KEY (epoch_idx, trial_run_id) REFERENCES EPOCH(idx, trial_run_id)
);
CREATE TABLE METRIC (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type VARCHAR(50) NOT NULL,
  total_val FLOAT NOT NULL,
  per_label_val TEXT,
  note TEXT,
  weight REAL,
  raw BLOB,
  compared_with INTEGER REFERENCES METRIC(id),
  kept_in INTEGER REFERENCES ARTIFACT(id)
);
CREATE TABLE ARTIFACT (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type VARCHAR(50) NOT NULL,
  loc VARCHAR(255) NOT NULL
);
CREATE TABLE EXPERIMENT_ARTIFACT (
  experiment_id INT,
  artifact_id INT,
  PRIMARY KEY (experiment_id, artifact_id),
  FOREIGN KEY (experiment_id) REFERENCES EXPERIMENT(id),
  FOREIGN KEY (artifact_id) REFERENCES ARTIFACT(id)
);
CREATE TABLE TRIAL_ARTIFACT (
  trial_id INT,
  artifact_id INT,
  PRIMARY KEY (trial_id, artifact_id),
  FOREIGN KEY (trial_id) REFERENCES TRIAL(id),
  FOREIGN KEY (artifact_id) REFERENCES ARTIFACT(id)
);
CREATE TABLE RESULTS_METRIC (
  results_id INT,
  metric_id INT,
  PRIMARY KEY (results_id, metric_id),
  FOREIGN KEY (results_id) REFERENCES RESULTS(trial_run_id),
  FOREIGN KEY (metric_id) REFERENCES METRIC(id)
);
CREATE TABLE RESULTS_ARTIFACT (
  results_id INT,
  artifact_id INT,
  PRIMARY KEY (results_id, artifact_id),
  FOREIGN KEY (results_id) REFERENCES RESULTS(trial_run_id),
  FOREIGN KEY (artifact_id) REFERENCES ARTIFACT(id)
);
CREATE TABLE EPOCH_METRIC (
  epoch_idx INT,
  epoch_trial_run_id INT,
  metric_id INT,
  PRIMARY KEY (epoch_idx, epoch_trial_run_id, metric_id),
  FOREIGN KEY (epoch_idx, epoch_trial_run_id) REFERENCES EPOCH(idx, trial_run_id),
  FOREIGN KEY (metric_id) REFERENCES METRIC(id)
);
CREATE TABLE EPOCH_ARTIFACT (
  epoch_idx INT,
  epoch_trial_run_id INT,
  artifact_id INT,
  PRIMARY KEY (epoch_idx, epoch_trial_run_id, artifact_id),
  FOREIGN KEY (epoch_idx, epoch_trial_run_id) REFERENCES EPOCH(idx, trial_run_id),
  FOREIGN KEY (artifact_id) REFERENCES ARTIFACT(id)
);
CREATE TABLE TRIAL_RUN_ARTIFACT (
  trial_run_id INT,
  artifact_id INT,
  PRIMARY KEY (trial_run_id, artifact_id),
  FOREIGN KEY (trial_run_id) REFERENCES TRIAL_RUN(id),
  FOREIGN KEY (artifact_id) REFERENCES ARTIFACT(id)
);
CREATE TABLE BATCH_METRIC (
  batch_idx INT,
  epoch_idx INT,
  trial_run_id INT,
  metric_id INT,
  PRIMARY KEY (batch_idx, epoch_idx, trial_run_id, metric_id),
  FOREIGN KEY (batch_idx, epoch_idx, trial_run_id) REFERENCES BATCH(idx, epoch_idx, trial_run_id),
  FOREIGN KEY (metric_id) REFERENCES METRIC(id)
);
CREATE TABLE BATCH_ARTIFACT (
  batch_idx INT,
  epoch_idx INT,
  trial_run_id INT,
  artifact_id INT,
  PRIMARY KEY (batch_idx, epoch_idx, trial_run_id, artifact_id),
  FOREIGN KEY (batch_idx, epoch_idx, trial_run_id) REFERENCES BATCH(idx, epoch_idx, trial_run_id),
  FOREIGN KEY (artifact_id) REFERENCES ARTIFACT(id)
);
INSERT INTO SCHEMA_VERSION (version, migration_name, description, applied_at) VALUES ('1.0', 'first', NULL, '2023-01-01T00:00:00');
INSERT INTO EXPERIMENT VALUES
  (3, 'Größe 😀 ''quoted''', NULL, '2023-12-01T10:00:00.123456', '2023-12-01T10:00:00'),
  (8, '', 'a' || char(10) || 'line', '1969-12-31T23:59:59.999999', '9999-12-31T23:59:59'),
  (9, 'none below', 'x', '2020-02-29T00:00:00', '2020-02-29T00:00:00');
INSERT INTO TRIAL (id, name, seed, experiment_id, start_time, update_time) VALUES
  (5, 'one', 9223372036854775807, 3, '2023-12-01T10:00:00', 'not a time'),
  (6, 'two', NULL, 3, '2023-12-01 10:00:00', ''),
  (7, 'other', -1, 8, '2023-12-01T10:00:00', '2023-12-01T10:00:00');
INSERT INTO TRIAL_RUN VALUES
  (11, 5, 'completed', '2023-12-01T10:00:00.5', '2023-12-01T10:00:01'),
  (12, 5, 'FAILED', '2023-12-01T10:00:00', '2023-12-01T10:00:00'),
  (13, 6, '', 'x', 'y'),
  (14, 7, 'running', '2023-12-01T10:00:00', '2023-12-01T10:00:00');
INSERT INTO RESULTS VALUES (11, '2023-12-01T11:00:00'), (14, '2023-12-01T11:00:00');
INSERT INTO EPOCH VALUES (0, 11, '2023-12-01T10:10:00'), (1, 11, '2023-12-01T10:20:00'), (-4, 12, 't'), (9223372036854775807, 14, 't');
INSERT INTO BATCH VALUES (0, 0, 11, '2023-12-01T10:11:00'), (1, 0, 11, '2023-12-01T10:12:00'), (0, 1, 11, '2023-12-01T10:21:00');
INSERT INTO ARTIFACT VALUES (1, 'model', 's3://bucket/ä'), (2, 'plot', ''), (3, 'shared', '/tmp/x'), (4, 'log', 'C:\log');
INSERT INTO METRIC (id, type, total_val, per_label_val, note, weight, raw, compared_with, kept_in) VALUES
  (100, 'accuracy', 0.1, '{"0": 0.5, "1": 1.50, "b": null}', NULL, NULL, NULL, NULL, NULL),
  (101, 'loss', -0.0, '[1, 2.0, 1e3, -0, 1E400]', 'a', 0.30000000000000004, x'00ff', 100, 1),
  (102, 'loss', 5e-324, '{"k": {"deep": [[[[true, false]]]]}, "k": 2}', '', -1.5, x'', NULL, NULL),
  (103, 'f1', 1.7976931348623157e308, '"\u00e9\ud83d\ude00"', 'é', 9007199254740993, NULL, 102, 3),
  (104, 'f1', 3, '{''a'': 0.5, ''b'': nan}', NULL, NULL, NULL, NULL, NULL),
  (105, 'auc', 1e999, 'NaN', NULL, NULL, NULL, 106, NULL),
  (106, 'auc', 9007199254740993, '', NULL, NULL, NULL, 105, NULL),
  (107, 'auc', 'high', '   [ ]  ', 'trailing  ', 1e999, NULL, NULL, NULL),
  (108, 'same', 1.0, NULL, NULL, NULL, NULL, NULL, NULL),
  (109, 'same', 1.0, NULL, NULL, NULL, NULL, NULL, NULL),
  (110, 'bytes', 2.5, x'7b7d', NULL, NULL, NULL, NULL, NULL),
  (111, 'other', 4.25, '{"x": 12345678901234567890.123456789}', NULL, NULL, NULL, NULL, 4);
INSERT INTO RESULTS_METRIC VALUES (11, 100), (11, 105), (11, 106), (14, 111);
INSERT INTO EPOCH_METRIC VALUES (0, 11, 101), (1, 11, 102), (-4, 12, 103), (1, 11, 107);
INSERT INTO BATCH_METRIC VALUES (0, 0, 11, 104), (1, 0, 11, 104), (0, 1, 11, 108), (0, 1, 11, 109), (1, 0, 11, 110);
INSERT INTO EXPERIMENT_ARTIFACT VALUES (3, 1), (8, 4);
INSERT INTO TRIAL_ARTIFACT VALUES (5, 2), (6, 3), (7, 4);
INSERT INTO TRIAL_RUN_ARTIFACT VALUES (11, 3), (14, 4);
INSERT INTO RESULTS_ARTIFACT VALUES (11, 3);
INSERT INTO EPOCH_ARTIFACT VALUES (0, 11, 3);
INSERT INTO BATCH_ARTIFACT VALUES (0, 0, 11, 3);
