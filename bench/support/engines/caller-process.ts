import type { User } from '#gen/user/v1/user.ts';
import { askedUser } from './asked-user.ts';

const callsAtOnce = 64;

/** The server to call, from the command line. */
export const address = process.argv[2] ?? '';

export const askedId = askedUser.id;

/** Makes as many calls as each message of the parent says, 64 at once, and answers when all of them were good. */
export function answerRounds(getUser: () => Promise<User>): void {
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
      if (email !== askedUser.email) throw new Error(`${address} answered with the user ${email}`);
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, worker));
}
