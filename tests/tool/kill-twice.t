#!/bin/sh
# kill -9, and again in the run that recovers; make fault tries 500 pairs.
export FAULT_SECONDS=40
exec "${0%/*}/../fault/pairs" 12
