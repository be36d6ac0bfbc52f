import { runApp } from '../../../mesh/app/run-app.ts';
import { testService } from '../../../mesh/testing/test-service.ts';
import { userService } from '../../../services/user/service.ts';

// A service, and one that never stops.
await runApp([userService, testService('stubborn', async () => ({ stop: () => new Promise<void>(() => undefined) }))]);
