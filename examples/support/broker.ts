import { addressProblem, exitCode, type Failure } from './failures.ts';

interface Variable {
  readonly usual: string;
  /** Returns what is wrong with a value; `undefined` if nothing. */
  readonly problemOf: (value: string) => string | undefined;
}

const variables = {
  KAFKA_BROKER: { usual: 'localhost:9092', problemOf: (value) => addressProblem(value, 'KAFKA_BROKER') },
  RABBITMQ_URL: { usual: 'amqp://localhost:5672', problemOf: amqpProblem },
} as const satisfies Record<string, Variable>;

/**
 * Returns where the broker is: the value of a variable, or its usual address. Ends this program with one line if the value is
 * not valid, and from then on when the broker cannot be reached, is lost or refuses something. docs/operating.md explains the
 * exit codes.
 */
export function useBroker(setting: keyof typeof variables): string {
  const { usual, problemOf } = variables[setting];
  const broker = process.env[setting] || usual;
  const problem = problemOf(broker);
  if (problem !== undefined) end({ text: problem, code: exitCode.usage });
  // Lost connections arrive as events, so no `try` around the program would see all of them.
  process.on('uncaughtException', (error) => end(failureOf(error, setting, withoutUser(broker))));
  return broker;
}

/** Ends this program because of an error that a client library only reports. */
export function fail(error: Error): void {
  // Outside of the library, which may catch what its listeners throw.
  setImmediate(() => {
    throw error;
  });
}

function end({ text, code }: Failure): never {
  process.stderr.write(`${text}\n`);
  process.exit(code);
}

function failureOf(error: unknown, setting: string, broker: string): Failure {
  // The clients throw other errors than those of the language.
  const isBug = [TypeError, RangeError, ReferenceError, SyntaxError].some((type) => error instanceof type);
  if (!(error instanceof Error) || isBug) return { text: stackOf(error), code: exitCode.attention };
  if (isRefusal(error)) {
    return { text: `the broker at ${broker} refused this program (${error.message})`, code: exitCode.refused };
  }
  const text = `the broker at ${broker} cannot be reached (${error.message}): start it, or set ${setting}`;
  return { text, code: exitCode.unavailable };
}

/** AMQP has reply codes, of which 4xx mean that this client is wrong. Kafka's errors say whether a retry may help. */
function isRefusal(error: Error): boolean {
  if ('code' in error && typeof error.code === 'number') return error.code >= 400 && error.code < 500;
  return error.name === 'KafkaJSProtocolError' && 'retriable' in error && error.retriable === false;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? String(error.stack) : String(error);
}

function amqpProblem(value: string): string | undefined {
  const isValid = /^amqps?:\/\/[^/?#\s]/.test(value) && URL.canParse(value);
  return isValid ? undefined : `invalid RABBITMQ_URL "${withoutUser(value)}": use amqp://<host>:<port>`;
}

/** Without the user and the password. */
function withoutUser(broker: string): string {
  return broker.replace(/\/\/.*@/, '//');
}
