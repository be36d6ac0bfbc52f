import { describe, expect, it } from 'vitest';
import { uuidv5, uuidv7, uuidv8At } from './ids.ts';

describe('uuidv7', () => {
  it('has the version and the variant of RFC 9562', () => {
    expect(uuidv7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('sorts in the order of creation, even within a millisecond and after the clock was set back', () => {
    const ids = Array.from({ length: 10_000 }, (_, index) => uuidv7(1_800_000_000_000 - (index % 3)));
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('uuidv5', () => {
  it('is the same for the same parts, and differs for parts that only join to the same text', () => {
    expect(uuidv5('saga', 'charge')).toBe(uuidv5('saga', 'charge'));
    expect(uuidv5('ab', 'c')).not.toBe(uuidv5('a', 'bc'));
    expect(uuidv5('a')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it.each([
    [['01a0-7b-0192f0c4-aaaa-7bbb-8ccc', 'create-shipment', 'run'], 'd19d3862-39e7-5a11-9c42-9821f75e239c'],
    [['ä', '', '😀'], '11e836de-5eb7-5c0e-9bdf-1e2fb614a60d'],
  ])('is what it was in earlier versions for %j, as it is stored', (parts, id) => {
    expect(uuidv5(...parts)).toBe(id);
  });
});

describe('uuidv8At', () => {
  const id = uuidv7(1_800_000_000_000);

  it('has the version and the variant of RFC 9562, and the time of the id', () => {
    expect(uuidv8At(id, 'charge')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(uuidv8At(id, 'charge').slice(0, 13)).toBe(id.slice(0, 13));
  });

  it('is the same for the same id and parts, and differs for others of the same time', () => {
    expect(uuidv8At(id, 'charge')).toBe(uuidv8At(id, 'charge'));
    expect(uuidv8At(id, 'charge')).not.toBe(uuidv8At(id, 'ship'));
    expect(uuidv8At(id, 'charge')).not.toBe(uuidv8At(uuidv7(1_800_000_000_000), 'charge'));
  });

  it('is a UUIDv5 for an id without a time', () => {
    expect(uuidv8At('saga-1', 'charge')).toBe(uuidv5('saga-1', 'charge'));
  });
});
