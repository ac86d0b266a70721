"""Experiments of MLflow's stores in the package: ids and names that are taken, workspaces, and where artifacts are."""
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import ROOT, expmig

VISION = 1


class Stores(binding.Case):
    def store(self, name):
        """A store with four experiments, always with the same ids."""
        return self.manager(shutil.copy(ROOT / "tests" / "data" / "mlflow" / "3.17.2.db", self.folder / name))

    def refused(self, status, call, *words, **options):
        with self.assertRaises(expmig.DataMigrationError) as refused:
            call(*words, **options)
        self.assertEqual(refused.exception.status, status, refused.exception)
        return refused.exception

    def test_a_document_goes_where_it_is_asked_to(self):
        store = self.store("mlflow.db")
        document = store.export_experiment(VISION)
        put = store.import_document
        self.refused("ALREADY_EXISTS", put, document)
        self.refused("INVALID_ARGUMENT", put, document, on_conflict="skip")
        self.refused("NOT_FOUND", put, document, on_conflict="new", workspace="nowhere")
        self.refused("ALREADY_EXISTS", put, document, on_conflict="new", on_name="error")
        self.refused("NOT_FOUND", put, document, on_conflict="new", target_experiment_id=99)
        with self.assertRaises(ValueError):
            put(document, on_name="other")
        done = put(document, on_conflict="new", workspace="default", artifacts=("mlflow-artifacts:/", "s3://bucket/"))
        self.assertEqual(done["experiment_id"], 4)
        self.assertEqual(len(done["keys"]["runs"]), 9)
        self.assertEqual(done["locations"]["values"][0]["after"], "s3://bucket/vision")
        self.assertEqual(store.import_experiment_data(document, on_conflict="new", target_experiment_id=4), 4)
        self.assertEqual(store.import_experiment_data(document, on_conflict="new", on_name="append"), VISION)
        runs = {each["id"]: each["runs"] for each in store.list_experiments()}
        self.assertEqual((runs[VISION], runs[4]), (18, 18))
        path = self.folder / "document.json"
        store.export_experiment_to_file(2, path)
        self.assertEqual(store.import_experiment_from_file(path, on_conflict="skip", on_name="append"), 2)
        self.assertEqual({each["id"]: each["runs"] for each in store.list_experiments()}, runs)

    def test_an_experiment_goes_where_it_is_asked_to(self):
        store, other = self.store("mlflow.db"), self.store("other.db")
        self.refused("ALREADY_EXISTS", store.migrate_experiment, VISION, target=other)
        self.refused("NOT_FOUND", store.migrate_experiment, VISION, target=other, on_conflict="new", workspace="nowhere")
        self.refused("UNSUPPORTED", store.migrate_experiment, VISION, target=other, on_conflict="new", allow_lossy=True)
        done = store.migrate_experiment(VISION, target=other, on_conflict="new", on_name="append", artifacts=("mlflow-artifacts:/", "s3://bucket/"))
        self.assertEqual(done.new_experiment_id, VISION)
        self.assertEqual({each["id"]: each["runs"] for each in other.list_experiments()}[VISION], 18)
        plan = store.plan(VISION, target=other, on_conflict="skip", on_name="append")
        self.assertEqual(plan["target_experiment_id"], VISION)

    def test_other_databases_have_no_such_things(self):
        manager = self.manager()
        document = manager.export_experiment(1)
        for options in ({"on_conflict": "new"}, {"on_name": "append"}, {"workspace": "default"}, {"artifacts": ("a", "b")}, {"target_experiment_id": 1}):
            self.refused("UNSUPPORTED", manager.import_document, document, **options)


if __name__ == "__main__":
    unittest.main()
