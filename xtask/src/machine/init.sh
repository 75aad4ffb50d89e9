#!/bin/sh
# The test machine's work: as its first process (then it mounts what systemd would) or as a service of systemd's.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
if [ $$ = 1 ]; then
    mountpoint -q /proc || mount -t proc proc /proc
    mountpoint -q /sys || mount -t sysfs sysfs /sys
    for folder in /dev/pts /dev/shm; do mkdir -p $folder; done
    mountpoint -q /dev/pts || mount -t devpts devpts /dev/pts
    mountpoint -q /dev/shm || mount -t tmpfs tmpfs /dev/shm
    mount -t tmpfs tmpfs /run
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
mount /dev/vdb /work && mount --bind /work/tmp /var/tmp
/work/run
echo "machine: stories ended with $?"
umount /var/tmp /work
sync
echo o > /proc/sysrq-trigger
exec sleep 60
