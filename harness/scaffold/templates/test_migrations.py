"""Each migration up, down and up again, on empty tables and on rows.

stairway.toml beside this folder says where the migrations are.
"""

import shutil
import subprocess
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@unittest.skipIf(shutil.which("stairway") is None, "the program stairway is not on PATH")
class Migrations(unittest.TestCase):
    def test_they_lead_back(self):
        ran = subprocess.run(["stairway", "verify"], cwd=PROJECT, capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, f"\n{ran.stdout}{ran.stderr}")
