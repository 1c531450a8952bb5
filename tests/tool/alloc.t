#!/bin/sh
# Allocations that fail, sampled over whole runs; make fault tries all.
export FAULT_SECONDS=25
exec "${0%/*}/../fault/alloc" fetch=15 worker=8 mark=8 markworker=4 token=8
