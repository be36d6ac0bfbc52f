import { runApp } from '../../mesh/app/run-app.ts';
import { createUserService } from '../../services/user/service.ts';

// A service, and one that cannot be stopped.
await runApp([
  createUserService,
  async () => ({ name: 'stubborn', serves: [], stop: () => new Promise<void>(() => undefined) }),
]);
