#!/bin/sh
# System calls of msworker and mstoken that fail, sampled over whole runs; make fault tries all.
export FAULT_SECONDS=40
exec "${0%/*}/../fault/errors" worker=10 token=6
