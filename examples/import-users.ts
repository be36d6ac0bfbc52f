import { randomUUID } from 'node:crypto';
import type { DeepPartial, ImportUsersRequest, ImportUsersResponse, User } from '#gen/user/v1/user.ts';
import { exitCode } from './support/failures.ts';
import { createProgress } from './support/progress.ts';
import { runExample } from './support/run-example.ts';

const shownFailures = 10;

let sent = 0;

const count = Number(process.argv[2] ?? 100_000);
if (!Number.isSafeInteger(count) || count < 1) {
  process.stderr.write(`invalid number of users "${process.argv[2]}": use a whole number, minimum 1\n`);
  process.exit(exitCode.usage);
}

/** Creates users in one stream. Usage: `node examples/import-users.ts [count]`, default 100,000. */
await runExample(async (mesh) => {
  const startMs = performance.now();
  const response = await mesh.users.importUsers(usersWithProgress(count)).catch((error: unknown) => {
    if (sent > 0)
      process.stderr.write(
        `the import was cut off: of ${sent} rows that were sent the first are stored, 500 at a time; running it again creates other users, with new addresses\n`,
      );
    throw error;
  });
  report(response, (performance.now() - startMs) / 1_000);
  return response.imported === BigInt(count);
});

/** The client pulls the next row only when it can send it, so a slow server is not overloaded. */
async function* usersWithProgress(count: number): AsyncGenerator<DeepPartial<ImportUsersRequest>> {
  const run = randomUUID().slice(0, 8);
  const progress = createProgress();
  for (; sent < count; sent++) {
    yield { user: newUser(run, sent) };
    progress.show(progressText(sent + 1, count));
  }
  progress.end(progressText(count, count));
}

function newUser(run: string, index: number): DeepPartial<User> {
  return { name: `User ${index}`, email: `user-${index}-${run}@example.com`, role: 'customer' };
}

function progressText(sent: number, count: number): string {
  return `sent ${sent} of ${count} rows (${Math.floor((100 * sent) / count)} %)`;
}

function report({ imported, failures }: ImportUsersResponse, seconds: number): void {
  for (const { index, reason, message } of failures.slice(0, shownFailures)) {
    console.log(`row ${index}: ${reason}: ${message}`);
  }
  if (failures.length > shownFailures) console.log(`and ${failures.length - shownFailures} more failures`);
  const rate = Math.round(Number(imported) / seconds);
  console.log(`imported ${imported} users, ${failures.length} failures, in ${seconds.toFixed(1)} s: ${rate} users/s`);
}
