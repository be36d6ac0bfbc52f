import type { SagaDefinition, SagaProgress, SagaStep, StepContext } from '../saga.ts';

/** The data of test sagas: a trail of results, and money. */
export interface TestData {
  readonly total: bigint;
  readonly trail: string;
}

/** What a participant does when it is called. */
export type Behaviour = (context: StepContext) => Promise<void>;

/** A saga whose participants behave as a test sets them. */
export interface TestSaga {
  readonly definition: SagaDefinition<TestData>;
  /** Calls in the order of their arrival: `run charge`, `undo charge`. */
  readonly calls: string[];
  readonly contexts: StepContext[];
  /** Progress as it was reported: `step-done reserve`, `completed`. */
  readonly progress: string[];
  readonly seen: SagaProgress<TestData>[];
  /** Sets what the next calls do; later ones succeed. */
  onCall(call: string, ...behaviours: Behaviour[]): void;
  /** Called with each progress before it is noted; throwing rolls back. */
  beforeProgress: (progress: SagaProgress<TestData>) => void;
}

const usualSteps: readonly Pick<SagaStep<TestData>, 'name' | 'pivot'>[] = [
  { name: 'reserve' },
  { name: 'charge' },
  { name: 'ship' },
  { name: 'commit', pivot: true },
];

/** Creates a saga of four steps, the last its pivot, or of other steps. */
export function createTestSaga(
  overrides: { readonly steps?: typeof usualSteps; readonly timeoutMs?: number } = {},
): TestSaga {
  const behaviours = new Map<string, Behaviour[]>();
  const call = async (name: string, context: StepContext) => {
    saga.calls.push(name);
    saga.contexts.push(context);
    await behaviours.get(name)?.shift()?.(context);
  };
  const saga: TestSaga = {
    definition: {
      name: 'test',
      version: 1,
      ...(overrides.timeoutMs === undefined ? {} : { timeoutMs: overrides.timeoutMs }),
      steps: (overrides.steps ?? usualSteps).map((step) => ({
        ...step,
        async run(data, context) {
          await call(`run ${step.name}`, context);
          return { trail: `${data.trail}/${step.name}` };
        },
        undo: (_data, context) => call(`undo ${step.name}`, context),
      })),
      async report(_tx, progress) {
        saga.beforeProgress(progress);
        saga.seen.push(progress);
        saga.progress.push('step' in progress ? `${progress.at} ${progress.step}` : progress.at);
      },
    },
    calls: [],
    contexts: [],
    progress: [],
    seen: [],
    onCall: (name, ...next) => void behaviours.set(name, next),
    beforeProgress: () => undefined,
  };
  return saga;
}
