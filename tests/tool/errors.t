#!/bin/sh
# System calls of msfetch, msworker and mstoken that fail, sampled over whole runs; make fault tries all.
export FAULT_SECONDS=40
exec "${0%/*}/../fault/errors" fetch=32 worker=10 token=6
