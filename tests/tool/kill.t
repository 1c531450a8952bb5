#!/bin/sh
# kill -9 before a system call, at points sampled over whole runs; make fault tries all.
export FAULT_SECONDS=25
exec "${0%/*}/../fault/kill" fetch=40 worker=25 consumer=10 mark=15 markworker=10 delete=5 token=10
