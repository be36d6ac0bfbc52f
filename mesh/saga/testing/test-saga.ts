import type { SagaDefinition, SagaProgress, SagaStep, StepContext } from '../saga.ts';

/** What the sagas of tests pass on: a trail of results, and money. */
export interface TestData {
  readonly total: bigint;
  readonly trail: string;
}

/** What a participant does when it is called, instead of doing what it is asked. */
export type Behaviour = (context: StepContext) => Promise<void>;

/** A saga over participants that do as a test wants. */
export interface TestSaga {
  readonly definition: SagaDefinition<TestData>;
  /** Calls in the order of their arrival: `run charge`, `undo charge`. */
  readonly calls: string[];
  readonly contexts: StepContext[];
  /** Progress as it was committed, or at least reported: `step-done reserve`, `completed`. */
  readonly progress: string[];
  readonly seen: SagaProgress<TestData>[];
  /** Sets what the next calls of a kind do; those after them succeed. */
  onCall(call: string, ...behaviours: Behaviour[]): void;
  /** Called with each progress before it is noted; what it throws rolls back. */
  beforeProgress: (progress: SagaProgress<TestData>) => void;
}

const usualSteps: readonly Pick<SagaStep<TestData>, 'name' | 'pivot'>[] = [
  { name: 'reserve' },
  { name: 'charge' },
  { name: 'ship' },
  { name: 'commit', pivot: true },
];

/** Makes a saga of four steps, the last its pivot, or of other steps. */
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
