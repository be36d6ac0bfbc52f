import { runApp } from '../../../mesh/app/run-app.ts';
import { testService } from '../../../mesh/testing/test-service.ts';
import { shippingService } from '../../../services/shipping/service.ts';

// A service, and one whose start never finishes.
await runApp([
  shippingService,
  testService('waiting', async () => ({ start: () => new Promise<void>(() => undefined) })),
]);
