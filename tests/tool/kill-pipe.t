#!/bin/sh
# kill -9 with --pipe, at points sampled over a whole run; make fault tries all.
export FAULT_SECONDS=40
exec "${0%/*}/../fault/kill" pipe=16
