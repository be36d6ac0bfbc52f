import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { defineError } from './define-error.ts';
import { MeshError } from './mesh-error.ts';

const noteNotFound = defineError({
  reason: 'NOTE_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'no note has this id',
  fix: 'check the id',
  text: ({ noteId }: { readonly noteId: string }) => `note ${noteId} not found: check its id`,
});

describe('a defined error', () => {
  it('has the code, the reason and a text with the facts', () => {
    expect(noteNotFound({ noteId: 'n1' })).toMatchObject({
      name: 'MeshError',
      code: Status.NOT_FOUND,
      reason: 'NOTE_NOT_FOUND',
      message: 'note n1 not found: check its id',
    });
  });

  it('sends its facts as metadata: in snake_case, numbers as text, lists joined, undefined left out', () => {
    const kind = defineError({
      ...noteNotFound,
      text: (facts: {
        readonly noteId: string;
        readonly atVersion: bigint;
        readonly tags: readonly string[];
        readonly count?: number | undefined;
      }) => `note ${facts.noteId}`,
    });
    const facts = { noteId: 'n1', atVersion: 7n, tags: ['a', 'b'] };
    expect(kind({ ...facts, count: 3 }).metadata).toEqual({
      note_id: 'n1',
      at_version: '7',
      tags: 'a,b',
      count: '3',
    });
    expect(kind(facts).metadata).not.toHaveProperty('count');
  });

  it('sends what `metadata` returns instead, under exactly these keys', () => {
    const kind = defineError({
      ...noteNotFound,
      text: ({ stock }: { readonly stock: ReadonlyMap<string, number> }) => `${stock.size} items`,
      metadata: ({ stock }) => Object.fromEntries(stock),
    });
    expect(kind({ stock: new Map([['lampA', 2]]) }).metadata).toEqual({ lampA: '2' });
  });

  it('carries its cause, the broken rules and the time to wait', () => {
    const details = {
      cause: new Error('why'),
      violations: [{ field: 'id', description: 'is empty' }],
      retryAfterMs: 5,
    };
    expect(noteNotFound({ noteId: 'n1' }, details)).toMatchObject(details);
  });

  it('needs no facts where its text has none', () => {
    const kind = defineError({ ...noteNotFound, text: 'no note was written today: write one' });
    expect(kind()).toMatchObject({ message: 'no note was written today: write one', metadata: {} });
  });

  it('recognises itself and its variants by the reason', () => {
    const deleted = noteNotFound.variant({ text: ({ id }: { readonly id: string }) => `note ${id} was deleted` });
    expect(deleted({ id: 'n1' })).toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'NOTE_NOT_FOUND',
      metadata: { id: 'n1' },
    });
    expect(noteNotFound.is(deleted({ id: 'n1' }))).toBe(true);
    expect(noteNotFound.is(new MeshError(Status.NOT_FOUND, 'OTHER', ''))).toBe(false);
    expect(noteNotFound.is(undefined)).toBe(false);
  });
});
