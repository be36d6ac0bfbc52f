import { type DescMessage, getOption } from '@bufbuild/protobuf';
import { field as fieldOption, Ignore } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { createModule } from './generated-module.ts';
import { compileMessage } from './message.ts';

/** Whether a message, or one that it holds at any depth, has rules. */
export type RuleFinder = (message: DescMessage) => boolean;

/** Makes a finder that looks at each message once. */
export function createRuleFinder(): RuleFinder {
  const ownRules = new Map<DescMessage, boolean>();

  function hasOwnRules(message: DescMessage): boolean {
    const known = ownRules.get(message);
    if (known !== undefined) return known;
    // What has statements of its own is known best by making them.
    const module = createModule('', []);
    const body = compileMessage(message, { module, runtime: (name) => name, checkOf: () => undefined });
    ownRules.set(message, body.length > 0);
    return body.length > 0;
  }

  return (message) => reachable(message).some(hasOwnRules);
}

/** A message and all that it holds; what is in fields that are never looked at does not count. */
function reachable(message: DescMessage, found = new Set<DescMessage>()): DescMessage[] {
  if (found.has(message)) return [];
  found.add(message);
  const held = message.fields
    .filter((field) => getOption(field, fieldOption).ignore !== Ignore.ALWAYS)
    .map((field) => field.message)
    .filter((type) => type !== undefined);
  for (const type of held) reachable(type, found);
  return [...found];
}
