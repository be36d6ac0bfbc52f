import fs, { existsSync, readlinkSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Loaded into a process with `--import`: while the file `FLUSHES_FAIL` exists, the disk writes nothing of the user service. */
const { fdatasync } = fs;
const flag = process.env.FLUSHES_FAIL ?? '';

Object.assign(fs, {
  fdatasync(descriptor: number, done: fs.NoParamCallback) {
    const fails = existsSync(flag) && readlinkSync(`/proc/self/fd/${descriptor}`).endsWith('/user.db-wal');
    if (fails) done(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
    else fdatasync(descriptor, done);
  },
});
syncBuiltinESMExports();
