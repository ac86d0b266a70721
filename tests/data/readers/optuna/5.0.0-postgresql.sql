-- Tables and rows of Optuna 5.0.0 on postgresql; made by make_optuna.py.
CREATE TYPE studydirection AS ENUM (
    'NOT_SET',
    'MINIMIZE',
    'MAXIMIZE'
);
CREATE TYPE trialintermediatevaluetype AS ENUM (
    'FINITE',
    'INF_POS',
    'INF_NEG',
    'NAN'
);
CREATE TYPE trialstate AS ENUM (
    'RUNNING',
    'COMPLETE',
    'PRUNED',
    'FAIL',
    'WAITING'
);
CREATE TYPE trialvaluetype AS ENUM (
    'FINITE',
    'INF_POS',
    'INF_NEG'
);
CREATE TABLE alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE studies (
    study_id integer NOT NULL,
    study_name character varying(512) NOT NULL
);
CREATE SEQUENCE studies_study_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE studies_study_id_seq OWNED BY studies.study_id;
CREATE TABLE study_directions (
    study_direction_id integer NOT NULL,
    direction studydirection NOT NULL,
    study_id integer NOT NULL,
    objective integer NOT NULL
);
CREATE SEQUENCE study_directions_study_direction_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE study_directions_study_direction_id_seq OWNED BY study_directions.study_direction_id;
CREATE TABLE study_system_attributes (
    study_system_attribute_id integer NOT NULL,
    study_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE study_system_attributes_study_system_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE study_system_attributes_study_system_attribute_id_seq OWNED BY study_system_attributes.study_system_attribute_id;
CREATE TABLE study_user_attributes (
    study_user_attribute_id integer NOT NULL,
    study_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE study_user_attributes_study_user_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE study_user_attributes_study_user_attribute_id_seq OWNED BY study_user_attributes.study_user_attribute_id;
CREATE TABLE trial_heartbeats (
    trial_heartbeat_id integer NOT NULL,
    trial_id integer NOT NULL,
    heartbeat timestamp without time zone NOT NULL
);
CREATE SEQUENCE trial_heartbeats_trial_heartbeat_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE trial_heartbeats_trial_heartbeat_id_seq OWNED BY trial_heartbeats.trial_heartbeat_id;
CREATE TABLE trial_intermediate_values (
    trial_intermediate_value_id integer NOT NULL,
    trial_id integer NOT NULL,
    step integer NOT NULL,
    intermediate_value double precision,
    intermediate_value_type trialintermediatevaluetype NOT NULL
);
CREATE SEQUENCE trial_intermediate_values_trial_intermediate_value_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE trial_intermediate_values_trial_intermediate_value_id_seq OWNED BY trial_intermediate_values.trial_intermediate_value_id;
CREATE TABLE trial_params (
    param_id integer NOT NULL,
    trial_id integer,
    param_name character varying(512),
    param_value double precision,
    distribution_json text
);
CREATE SEQUENCE trial_params_param_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE trial_params_param_id_seq OWNED BY trial_params.param_id;
CREATE TABLE trial_system_attributes (
    trial_system_attribute_id integer NOT NULL,
    trial_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE trial_system_attributes_trial_system_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE trial_system_attributes_trial_system_attribute_id_seq OWNED BY trial_system_attributes.trial_system_attribute_id;
CREATE TABLE trial_user_attributes (
    trial_user_attribute_id integer NOT NULL,
    trial_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE trial_user_attributes_trial_user_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE trial_user_attributes_trial_user_attribute_id_seq OWNED BY trial_user_attributes.trial_user_attribute_id;
CREATE TABLE trial_values (
    trial_value_id integer NOT NULL,
    trial_id integer NOT NULL,
    objective integer NOT NULL,
    value double precision,
    value_type trialvaluetype NOT NULL
);
CREATE SEQUENCE trial_values_trial_value_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE trial_values_trial_value_id_seq OWNED BY trial_values.trial_value_id;
CREATE TABLE trials (
    trial_id integer NOT NULL,
    number integer,
    study_id integer,
    state trialstate NOT NULL,
    datetime_start timestamp without time zone,
    datetime_complete timestamp without time zone
);
CREATE SEQUENCE trials_trial_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE trials_trial_id_seq OWNED BY trials.trial_id;
CREATE TABLE version_info (
    version_info_id integer NOT NULL,
    schema_version integer,
    library_version character varying(256),
    CONSTRAINT version_info_version_info_id_check CHECK ((version_info_id = 1))
);
ALTER TABLE ONLY studies ALTER COLUMN study_id SET DEFAULT nextval('studies_study_id_seq'::regclass);
ALTER TABLE ONLY study_directions ALTER COLUMN study_direction_id SET DEFAULT nextval('study_directions_study_direction_id_seq'::regclass);
ALTER TABLE ONLY study_system_attributes ALTER COLUMN study_system_attribute_id SET DEFAULT nextval('study_system_attributes_study_system_attribute_id_seq'::regclass);
ALTER TABLE ONLY study_user_attributes ALTER COLUMN study_user_attribute_id SET DEFAULT nextval('study_user_attributes_study_user_attribute_id_seq'::regclass);
ALTER TABLE ONLY trial_heartbeats ALTER COLUMN trial_heartbeat_id SET DEFAULT nextval('trial_heartbeats_trial_heartbeat_id_seq'::regclass);
ALTER TABLE ONLY trial_intermediate_values ALTER COLUMN trial_intermediate_value_id SET DEFAULT nextval('trial_intermediate_values_trial_intermediate_value_id_seq'::regclass);
ALTER TABLE ONLY trial_params ALTER COLUMN param_id SET DEFAULT nextval('trial_params_param_id_seq'::regclass);
ALTER TABLE ONLY trial_system_attributes ALTER COLUMN trial_system_attribute_id SET DEFAULT nextval('trial_system_attributes_trial_system_attribute_id_seq'::regclass);
ALTER TABLE ONLY trial_user_attributes ALTER COLUMN trial_user_attribute_id SET DEFAULT nextval('trial_user_attributes_trial_user_attribute_id_seq'::regclass);
ALTER TABLE ONLY trial_values ALTER COLUMN trial_value_id SET DEFAULT nextval('trial_values_trial_value_id_seq'::regclass);
ALTER TABLE ONLY trials ALTER COLUMN trial_id SET DEFAULT nextval('trials_trial_id_seq'::regclass);
ALTER TABLE ONLY alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY studies
    ADD CONSTRAINT studies_pkey PRIMARY KEY (study_id);
ALTER TABLE ONLY study_directions
    ADD CONSTRAINT study_directions_pkey PRIMARY KEY (study_direction_id);
ALTER TABLE ONLY study_directions
    ADD CONSTRAINT study_directions_study_id_objective_key UNIQUE (study_id, objective);
ALTER TABLE ONLY study_system_attributes
    ADD CONSTRAINT study_system_attributes_pkey PRIMARY KEY (study_system_attribute_id);
ALTER TABLE ONLY study_system_attributes
    ADD CONSTRAINT study_system_attributes_study_id_key_key UNIQUE (study_id, key);
ALTER TABLE ONLY study_user_attributes
    ADD CONSTRAINT study_user_attributes_pkey PRIMARY KEY (study_user_attribute_id);
ALTER TABLE ONLY study_user_attributes
    ADD CONSTRAINT study_user_attributes_study_id_key_key UNIQUE (study_id, key);
ALTER TABLE ONLY trial_heartbeats
    ADD CONSTRAINT trial_heartbeats_pkey PRIMARY KEY (trial_heartbeat_id);
ALTER TABLE ONLY trial_heartbeats
    ADD CONSTRAINT trial_heartbeats_trial_id_key UNIQUE (trial_id);
ALTER TABLE ONLY trial_intermediate_values
    ADD CONSTRAINT trial_intermediate_values_pkey PRIMARY KEY (trial_intermediate_value_id);
ALTER TABLE ONLY trial_intermediate_values
    ADD CONSTRAINT trial_intermediate_values_trial_id_step_key UNIQUE (trial_id, step);
ALTER TABLE ONLY trial_params
    ADD CONSTRAINT trial_params_pkey PRIMARY KEY (param_id);
ALTER TABLE ONLY trial_params
    ADD CONSTRAINT trial_params_trial_id_param_name_key UNIQUE (trial_id, param_name);
ALTER TABLE ONLY trial_system_attributes
    ADD CONSTRAINT trial_system_attributes_pkey PRIMARY KEY (trial_system_attribute_id);
ALTER TABLE ONLY trial_system_attributes
    ADD CONSTRAINT trial_system_attributes_trial_id_key_key UNIQUE (trial_id, key);
ALTER TABLE ONLY trial_user_attributes
    ADD CONSTRAINT trial_user_attributes_pkey PRIMARY KEY (trial_user_attribute_id);
ALTER TABLE ONLY trial_user_attributes
    ADD CONSTRAINT trial_user_attributes_trial_id_key_key UNIQUE (trial_id, key);
ALTER TABLE ONLY trial_values
    ADD CONSTRAINT trial_values_pkey PRIMARY KEY (trial_value_id);
ALTER TABLE ONLY trial_values
    ADD CONSTRAINT trial_values_trial_id_objective_key UNIQUE (trial_id, objective);
ALTER TABLE ONLY trials
    ADD CONSTRAINT trials_pkey PRIMARY KEY (trial_id);
ALTER TABLE ONLY version_info
    ADD CONSTRAINT version_info_pkey PRIMARY KEY (version_info_id);
CREATE UNIQUE INDEX ix_studies_study_name ON studies USING btree (study_name);
CREATE INDEX ix_trials_study_id ON trials USING btree (study_id);
ALTER TABLE ONLY study_directions
    ADD CONSTRAINT study_directions_study_id_fkey FOREIGN KEY (study_id) REFERENCES studies(study_id);
ALTER TABLE ONLY study_system_attributes
    ADD CONSTRAINT study_system_attributes_study_id_fkey FOREIGN KEY (study_id) REFERENCES studies(study_id);
ALTER TABLE ONLY study_user_attributes
    ADD CONSTRAINT study_user_attributes_study_id_fkey FOREIGN KEY (study_id) REFERENCES studies(study_id);
ALTER TABLE ONLY trial_heartbeats
    ADD CONSTRAINT trial_heartbeats_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES trials(trial_id);
ALTER TABLE ONLY trial_intermediate_values
    ADD CONSTRAINT trial_intermediate_values_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES trials(trial_id);
ALTER TABLE ONLY trial_params
    ADD CONSTRAINT trial_params_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES trials(trial_id);
ALTER TABLE ONLY trial_system_attributes
    ADD CONSTRAINT trial_system_attributes_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES trials(trial_id);
ALTER TABLE ONLY trial_user_attributes
    ADD CONSTRAINT trial_user_attributes_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES trials(trial_id);
ALTER TABLE ONLY trial_values
    ADD CONSTRAINT trial_values_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES trials(trial_id);
ALTER TABLE ONLY trials
    ADD CONSTRAINT trials_study_id_fkey FOREIGN KEY (study_id) REFERENCES studies(study_id);
INSERT INTO "alembic_version" VALUES ('v3.2.0.a');
INSERT INTO "studies" VALUES (1, 'many objectives');
INSERT INTO "studies" VALUES (2, 'one objective');
INSERT INTO "studies" VALUES (4, 'empty');
INSERT INTO "version_info" VALUES (1, 12, '5.0.0');
INSERT INTO "study_directions" VALUES (1, 'MINIMIZE', 1, 0);
INSERT INTO "study_directions" VALUES (2, 'MAXIMIZE', 1, 1);
INSERT INTO "study_directions" VALUES (3, 'MINIMIZE', 2, 0);
INSERT INTO "study_directions" VALUES (5, 'MINIMIZE', 4, 0);
INSERT INTO "study_system_attributes" VALUES (1, 1, 'study:metric_names', '["error", "speed"]');
INSERT INTO "study_user_attributes" VALUES (1, 1, 'owner', '{"team": "vision", "odd": NaN}');
INSERT INTO "study_user_attributes" VALUES (2, 1, 'note', '"gr\u00f6\u00dfe"');
INSERT INTO "trials" VALUES (1, 0, 1, 'COMPLETE', '2026-12-01 13:30:20.158557', '2026-12-01 13:30:20.196001');
INSERT INTO "trials" VALUES (2, 1, 1, 'COMPLETE', '2026-12-01 13:30:20.202270', '2026-12-01 13:30:20.223335');
INSERT INTO "trials" VALUES (3, 2, 1, 'COMPLETE', '2026-12-01 13:30:20.228923', '2026-12-01 13:30:20.248179');
INSERT INTO "trials" VALUES (4, 3, 1, 'COMPLETE', '2026-12-01 13:30:20.253666', '2026-12-01 13:30:20.272952');
INSERT INTO "trials" VALUES (5, 0, 2, 'COMPLETE', '2026-12-01 13:30:20.283941', '2026-12-01 13:30:20.330214');
INSERT INTO "trials" VALUES (6, 1, 2, 'PRUNED', '2026-12-01 13:30:20.343550', '2026-12-01 13:30:20.375214');
INSERT INTO "trials" VALUES (7, 2, 2, 'FAIL', '2026-12-01 13:30:20.381005', '2026-12-01 13:30:20.405680');
INSERT INTO "trials" VALUES (8, 3, 2, 'FAIL', '2026-12-01 13:30:20.411402', '2026-12-01 13:30:20.437782');
INSERT INTO "trials" VALUES (9, 4, 2, 'COMPLETE', '2026-12-01 13:30:20.449685', '2026-12-01 13:30:20.471526');
INSERT INTO "trials" VALUES (10, 5, 2, 'RUNNING', '2026-12-01 13:30:20.490404', NULL);
INSERT INTO "trials" VALUES (11, 6, 2, 'WAITING', NULL, NULL);
INSERT INTO "trials" VALUES (12, 7, 2, 'COMPLETE', '2026-12-01 13:30:20.504721', '2026-12-01 13:30:20.504721');
INSERT INTO "trials" VALUES (13, 8, 2, 'FAIL', '2026-12-01 13:30:20.526144', '2026-12-01 13:30:20.526144');
INSERT INTO "trial_intermediate_values" VALUES (1, 5, 0, 2.407362254570801e-05, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (2, 5, 5, NULL, 'NAN');
INSERT INTO "trial_intermediate_values" VALUES (3, 5, 2, NULL, 'INF_NEG');
INSERT INTO "trial_intermediate_values" VALUES (4, 5, 3, 0.0, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (5, 5, 7, 5e-324, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (6, 6, 0, 0.0015561310098067909, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (7, 6, 5, NULL, 'NAN');
INSERT INTO "trial_intermediate_values" VALUES (8, 6, 2, NULL, 'INF_NEG');
INSERT INTO "trial_intermediate_values" VALUES (9, 6, 3, 0.0, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (10, 6, 7, 5e-324, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (11, 7, 0, 0.7761533923098799, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (12, 7, 5, NULL, 'NAN');
INSERT INTO "trial_intermediate_values" VALUES (13, 7, 2, NULL, 'INF_NEG');
INSERT INTO "trial_intermediate_values" VALUES (14, 7, 3, 0.0, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (15, 7, 7, 5e-324, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (16, 8, 0, 0.003203334700471459, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (17, 8, 5, NULL, 'NAN');
INSERT INTO "trial_intermediate_values" VALUES (18, 8, 2, NULL, 'INF_NEG');
INSERT INTO "trial_intermediate_values" VALUES (19, 8, 3, 0.0, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (20, 8, 7, 5e-324, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (21, 9, 0, 0.0002198846438722141, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (22, 9, 5, NULL, 'NAN');
INSERT INTO "trial_intermediate_values" VALUES (23, 9, 2, NULL, 'INF_NEG');
INSERT INTO "trial_intermediate_values" VALUES (24, 9, 3, 0.0, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (25, 9, 7, 5e-324, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (26, 10, 1, 0.5, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (27, 12, 1, 0.5, 'FINITE');
INSERT INTO "trial_intermediate_values" VALUES (28, 12, 0, 1.0, 'FINITE');
INSERT INTO "trial_params" VALUES (1, 1, 'x', 0.996238440415242, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES (2, 1, 'n', 2.0, '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES (3, 1, 'kind', 3.0, '{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", null, true, 1.5]}}');
INSERT INTO "trial_params" VALUES (4, 2, 'x', 0.8573828230554057, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES (5, 2, 'n', 6.0, '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES (6, 2, 'kind', 1.0, '{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", null, true, 1.5]}}');
INSERT INTO "trial_params" VALUES (7, 3, 'x', -0.860019212571641, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES (8, 3, 'n', 5.0, '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES (9, 3, 'kind', 2.0, '{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", null, true, 1.5]}}');
INSERT INTO "trial_params" VALUES (10, 4, 'x', -0.4234005079752381, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES (11, 4, 'n', 8.0, '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES (12, 4, 'kind', 3.0, '{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", null, true, 1.5]}}');
INSERT INTO "trial_params" VALUES (13, 5, 'rate', 2.407362254570801e-05, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES (14, 5, 'pre@5', 28.0, '{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 64}}');
INSERT INTO "trial_params" VALUES (15, 6, 'rate', 0.0015561310098067909, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES (16, 6, 'pre@5', 23.0, '{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 64}}');
INSERT INTO "trial_params" VALUES (17, 7, 'rate', 0.7761533923098799, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES (18, 7, 'pre@5', 11.0, '{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 64}}');
INSERT INTO "trial_params" VALUES (19, 8, 'rate', 0.003203334700471459, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES (20, 8, 'pre@5', 2.0, '{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 64}}');
INSERT INTO "trial_params" VALUES (21, 9, 'rate', 0.0002198846438722141, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES (22, 9, 'pre@5', 10.0, '{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 64}}');
INSERT INTO "trial_params" VALUES (23, 10, 'rate', 0.25, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES (24, 12, 'a', 0.75, '{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES (25, 12, 'b', 3.0, '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 5}}');
INSERT INTO "trial_params" VALUES (26, 12, 'c', 1.0, '{"name": "CategoricalDistribution", "attributes": {"choices": ["yes", "no"]}}');
INSERT INTO "trial_system_attributes" VALUES (1, 10, 'fixed_params', '{"rate": 0.25}');
INSERT INTO "trial_system_attributes" VALUES (2, 11, 'fixed_params', '{"rate": 0.125}');
INSERT INTO "trial_user_attributes" VALUES (1, 1, 'text', '"1.5"');
INSERT INTO "trial_user_attributes" VALUES (2, 1, 'number', '1.5');
INSERT INTO "trial_user_attributes" VALUES (3, 1, 'list', '[1, Infinity, "x"]');
INSERT INTO "trial_user_attributes" VALUES (4, 2, 'text', '"1.5"');
INSERT INTO "trial_user_attributes" VALUES (5, 2, 'number', '1.5');
INSERT INTO "trial_user_attributes" VALUES (6, 2, 'list', '[1, Infinity, "x"]');
INSERT INTO "trial_user_attributes" VALUES (7, 3, 'text', '"1.5"');
INSERT INTO "trial_user_attributes" VALUES (8, 3, 'number', '1.5');
INSERT INTO "trial_user_attributes" VALUES (9, 3, 'list', '[1, Infinity, "x"]');
INSERT INTO "trial_user_attributes" VALUES (10, 4, 'text', '"1.5"');
INSERT INTO "trial_user_attributes" VALUES (11, 4, 'number', '1.5');
INSERT INTO "trial_user_attributes" VALUES (12, 4, 'list', '[1, Infinity, "x"]');
INSERT INTO "trial_user_attributes" VALUES (13, 5, 'mlflow.runName', '"mine"');
INSERT INTO "trial_user_attributes" VALUES (14, 12, 'made', '"by hand"');
INSERT INTO "trial_values" VALUES (1, 1, 0, 0.9924910301609937, 'FINITE');
INSERT INTO "trial_values" VALUES (2, 1, 1, NULL, 'INF_POS');
INSERT INTO "trial_values" VALUES (3, 2, 0, 0.7351053052704571, 'FINITE');
INSERT INTO "trial_values" VALUES (4, 2, 1, 6.0, 'FINITE');
INSERT INTO "trial_values" VALUES (5, 3, 0, 0.7396330459923455, 'FINITE');
INSERT INTO "trial_values" VALUES (6, 3, 1, NULL, 'INF_POS');
INSERT INTO "trial_values" VALUES (7, 4, 0, 0.17926799015368966, 'FINITE');
INSERT INTO "trial_values" VALUES (8, 4, 1, NULL, 'INF_POS');
INSERT INTO "trial_values" VALUES (9, 5, 0, 2.407362254570801e-05, 'FINITE');
INSERT INTO "trial_values" VALUES (10, 6, 0, 5e-324, 'FINITE');
INSERT INTO "trial_values" VALUES (11, 9, 0, 0.0002198846438722141, 'FINITE');
INSERT INTO "trial_values" VALUES (12, 12, 0, 0.1, 'FINITE');
