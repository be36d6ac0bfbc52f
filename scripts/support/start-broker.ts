import { join } from 'node:path';
import { messageOf } from '../../mesh/errors/error-text.ts';
import { makeFolder } from '../../mesh/storage/make-folder.ts';

/** Creates the folder of a broker in `DATA_DIR` and returns it. Exits with 2 if that is not possible. */
export function dataFolder(broker: string): string {
  const folder = join(process.env.DATA_DIR || 'data', broker);
  try {
    makeFolder(folder);
    return folder;
  } catch (error) {
    return exit(`${messageOf(error)}: set DATA_DIR to a folder that this user may write`);
  }
}

/** Starts a broker. Exits with 2 and its error in one line if it does not start. */
export async function orExit<Running>(start: () => Promise<Running>): Promise<Running> {
  try {
    return await start();
  } catch (error) {
    return exit(messageOf(error));
  }
}

function exit(problem: string): never {
  process.stderr.write(`${problem}\n`);
  process.exit(2);
}
