import { describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { paymentService } from '../../services/payment/service.ts';

const patient = { timeoutMs: 30_000 };

describe('examples/breaker.ts', () => {
  it('shows the last balance with its age while the payment service is away, and opens the circuit', async () => {
    const mesh = await startMesh([paymentService]);
    const environment = { ADDRESS: mesh.address };
    await using example = spawnProcess({ main: 'examples/breaker.ts', dataDir: '', environment });
    await eventually(() => expect(example.stdout()).toMatch(/^saver-\S+ has EUR 150\.00$/m), patient);
    await mesh.stop();
    const away = /^saver-\S+ had EUR 150\.00 at \S+Z \(payment service unavailable\)$/m;
    await eventually(() => expect(example.stdout()).toMatch(away), patient);
    const opened = '"target":"payment.v1.AccountService queries","open_ms":30000,"msg":"circuit opened"';
    await eventually(() => expect(example.stderr()).toContain(opened), patient);
    example.child.kill('SIGINT');
    expect(await example.ended).toEqual({ code: 0, signal: null });
  }, 90_000);
});
