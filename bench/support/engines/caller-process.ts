import type { User } from '#gen/user/v1/user.ts';
import { requestedUser } from './requested-user.ts';

const concurrentCalls = 64;

/** The server to call, from the command line. */
export const address = process.argv[2] ?? '';

export const requestedId = requestedUser.id;

/** For each message from the parent, makes that many calls, 64 at a time, and replies when all have succeeded. */
export function runRounds(getUser: () => Promise<User>): void {
  process.on('message', (calls: number) => {
    makeCalls(calls, getUser).then(
      () => process.send?.('done'),
      (error) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}

async function makeCalls(calls: number, getUser: () => Promise<User>): Promise<void> {
  let left = calls;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const { email } = await getUser();
      if (email !== requestedUser.email) throw new Error(`${address} returned another user: ${email}`);
    }
  };
  await Promise.all(Array.from({ length: concurrentCalls }, worker));
}
