#!/bin/sh
# Unit tests are not optimised: their rooms are compiled a second time for them, which takes a quarter of the time this way.
for argument; do
    if [ "$argument" = --test ]; then
        exec "$@" -C opt-level=0
    fi
done
exec "$@"
