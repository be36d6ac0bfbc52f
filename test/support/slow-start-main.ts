import { runApp } from '../../mesh/app/run-app.ts';
import { createShippingService } from '../../services/shipping/service.ts';

// A service, and one whose start waits for something that never comes.
await runApp([
  createShippingService,
  async () => ({ name: 'waiting', serves: [], start: () => new Promise<void>(() => undefined) }),
]);
