import { ClientError } from 'nice-grpc';
import { type Saga, SagaStepState } from '#gen/ops/v1/ops.ts';
import type { Mesh } from '../support/mesh.ts';
import { times } from './timeline.ts';

const quietMs = 2_000;

/** Says what an order waits for whenever nothing has changed for 2 s, once a try, until it is disposed. */
export function tellWaits(mesh: Mesh, orderId: string): Disposable & { changed(): void } {
  let told = '';
  const look = async () => {
    const text = await waitText(mesh, orderId);
    if (text !== '' && text !== told) console.log(`  -- ${text}`);
    told = text;
  };
  const timer = setInterval(() => void look(), quietMs);
  return { changed: () => timer.refresh(), [Symbol.dispose]: () => clearInterval(timer) };
}

/** Empty when there is nothing to say; what keeps the mesh from answering is told by the watch of the order. */
async function waitText(mesh: Mesh, orderId: string): Promise<string> {
  try {
    return describe(await mesh.sagas.getSaga({ name: { $case: 'orderId', value: orderId } }));
  } catch (error) {
    if (error instanceof ClientError) return '';
    throw error;
  }
}

function describe({ steps }: Saga): string {
  const step = steps.find(({ state }) => underWay.has(state));
  if (step === undefined) return '';
  const undoing = step.undoAttempts > 0;
  const what = undoing ? `the undo of ${step.name}` : step.name;
  const lastError = step.lastError === '' ? '' : `; the last error: ${step.lastError}`;
  return `still at ${what}, ${times(undoing ? step.undoAttempts : step.attempts)}${lastError}`;
}

const underWay: ReadonlySet<SagaStepState> = new Set([
  SagaStepState.SAGA_STEP_STATE_STARTED,
  SagaStepState.SAGA_STEP_STATE_UNDOING,
  SagaStepState.SAGA_STEP_STATE_STUCK,
]);
