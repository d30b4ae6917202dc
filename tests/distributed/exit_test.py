#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a job that must fail in a given way.

usage: exit_test.py STATUS LINE COMMAND...
STATUS is the exit status expected; LINE must be part of exactly one line of standard error.
"""
import subprocess
import sys


def main():
    status, line, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    job = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    found = sum(line in text for text in job.stderr.splitlines())
    if job.returncode != status or found != 1:
        sys.exit(f"FAIL: status {job.returncode}, expected {status}; '{line}' in {found} lines of:\n{job.stderr}")
    print("PASS")


if __name__ == "__main__":
    main()
