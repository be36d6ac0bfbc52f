// Serves a list of 20,000 long users over HTTP: the user service makes them as they are read. Run with `--expose-gc`, it collects
// garbage often, so the memory of the process is what it holds.
import { User } from '#gen/user/v1/user.ts';
import { runApp } from '#mesh';
import { edgeService } from '../../../services/edge/service.ts';
import { userServiceWith } from './user-service.ts';

const users = userServiceWith({
  async *listUsers() {
    for (let index = 1; index <= 20_000; index += 1) yield User.fromPartial({ id: `u${index}`, name: 'a'.repeat(800) });
  },
});

await runApp([users, edgeService], { only: ['user', 'edge'] });
setInterval(() => globalThis.gc?.(), 1_000).unref();
