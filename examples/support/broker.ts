import { exitCode } from './failures.ts';

/**
 * Waits for a connection to a broker. If it cannot be made, ends this program with one line and the exit code of something
 * that cannot be reached. `setting` is the variable that names the broker.
 */
export async function connected<Connection>(
  connecting: Promise<Connection>,
  setting: string,
  url: string,
): Promise<Connection> {
  try {
    return await connecting;
  } catch (error) {
    endUnreached(error, setting, url);
  }
}

/** Ends this program because a broker is away. */
export function endUnreached(error: unknown, setting: string, url: string): never {
  const problem = error instanceof Error ? error.message : String(error);
  process.stderr.write(`the broker at ${url} cannot be reached (${problem}): start it, or set ${setting}\n`);
  process.exit(exitCode.unavailable);
}
