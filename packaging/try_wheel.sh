#!/bin/sh
# try_wheel.sh FOLDER: installs the wheel that lies in the folder, and does what README's first readers do.
# check_wheel.sh puts README's first Python example and its commands on a table beside the wheel.
set -eu
cd "$1"
python3 -m venv environment
environment/bin/python -m pip install --disable-pip-version-check --quiet ./*.whl

started=$(date +%s)
environment/bin/python example.py
PATH=$PWD/environment/bin:$PATH sh -eu table.sh
# A verb that the package does: by the environment's interpreter, which is not on PATH here.
environment/bin/lodestone export runs/fit --format sql --out model.sql
echo "README's first Python example and its commands on a table ran in $(($(date +%s) - started)) s"
