const maxDistance = 2;

/** Returns the first of `names` that is at most two letters away from `word`: what was probably meant. */
export function closest(word: string, names: readonly string[]): string | undefined {
  return names.find((name) => distance(word, name) <= maxDistance);
}

/** The number of letters to insert, remove or replace; anything above `maxDistance` only counts as more. */
function distance(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > maxDistance) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [at, otherLetter] of [...other].entries()) {
      const exchanged = (row[at] ?? 0) + (letter === otherLetter ? 0 : 1);
      next.push(Math.min(exchanged, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** A variable that is set and not read, and the setting that it looks like. */
export interface Misspelling {
  readonly variable: string;
  readonly meant: string;
}

/** What other programs call such a setting. */
const otherNames: Readonly<Record<string, string>> = {
  KAFKA_BROKER: 'EVENTS_URL',
  KAFKA_BROKERS: 'EVENTS_URL',
  KAFKA_URL: 'EVENTS_URL',
  RABBITMQ_URL: 'TASKS_URL',
  AMQP_URL: 'TASKS_URL',
  SQS_URL: 'TASKS_URL',
  SQS_QUEUE_URL: 'TASKS_URL',
  POSTGRES_URL: 'DATABASE_URL',
  SMTP_URL: 'MAIL_URL',
  DISCOVERY: 'DISCOVERY_URL',
  REGISTRY_URL: 'DISCOVERY_URL',
  GRPC_PORT: 'GRPC_LISTEN',
  METRICS_PORT: 'METRICS_LISTEN',
};

/** Settings that name files have no such suffix, unless they may be set without a file too. */
const file = /_(FILE|PATH)$/;
const unit = /_(MS|S|SECONDS|MINUTES|HOURS|DAYS|BYTES|MB)$/;

/**
 * The variables that are probably meant as settings: another name for a setting that is not set, or at most two letters, the
 * case, the unit or `_FILE` away from it. `settings` are the variables that are read.
 */
export function findMisspellings(
  environment: Readonly<Record<string, string | undefined>>,
  settings: readonly string[],
): Misspelling[] {
  const unset = settings.filter((name) => !environment[name]);
  return Object.keys(environment).flatMap((variable) => {
    if (settings.includes(variable)) return [];
    const word = variable.toUpperCase();
    const meant =
      closest(word, unset) ??
      unset.find(
        (name) =>
          name === otherNames[word] ||
          name === word.replace(file, '') ||
          (unit.test(name) && name.replace(unit, '') === word.replace(unit, '')),
      );
    return meant === undefined ? [] : [{ variable, meant }];
  });
}
