import { describe, expect, it } from 'vitest';
import { readReport } from './run-h2spec.ts';

describe('readReport', () => {
  it('returns the outcome of each case by section and index', () => {
    const xml = `<testsuites>
  <testsuite name="1. Starting" package="generic/1" tests="1">
    <testcase package="generic/1" classname="Sends a preface" time="0.1"></testcase>
  </testsuite>
  <testsuite name="empty" package="http2/6"></testsuite>
  <testsuite name="6.7. PING" package="http2/6.7" tests="3">
    <testcase package="http2/6.7" classname="Sends a PING" time="2"><error>PING
Timeout</error></testcase>
    <testcase package="http2/6.7" classname="Sends another" time="2"><failure>PING</failure></testcase>
    <testcase package="http2/6.7" classname="Sends a third" time="2"><skipped></skipped></testcase>
  </testsuite></testsuites>`;
    expect(readReport(xml)).toEqual({
      'generic/1/1': 'passed',
      'http2/6.7/1': 'failed',
      'http2/6.7/2': 'failed',
      'http2/6.7/3': 'skipped',
    });
  });
});
