import { describe, expect, it } from 'vitest';
import { readConfig } from '../../mesh/config/config.ts';
import { processSettings } from '../../mesh/config/process-settings.ts';
import type { AnySetting } from '../../mesh/config/setting.ts';
import { allServices } from '../../services/all.ts';

const services: readonly AnySetting[] = allServices.flatMap((service) => service.settings);
const settings: readonly AnySetting[] = [...Object.values(processSettings), ...services];
const settingOf = (environment: Record<string, string>, variable: string): unknown => {
  const setting = settings.find((each) => each.variable === variable) ?? expect.fail(`nothing reads ${variable}`);
  return readConfig(environment, { settings: services }).get(setting);
};

describe('the settings', () => {
  it('have defaults that run with nothing else installed', () => {
    expect(settingOf({}, 'MAIL_URL')).toBe('file:data/mail');
    expect(settingOf({ DATA_DIR: '/var/lib/ordermesh' }, 'MAIL_URL')).toBe('file:/var/lib/ordermesh/mail');
    expect(settingOf({}, 'CARRIER_URL')).toBe('embedded:');
    expect(settingOf({}, 'AUDIT_INTERVAL_MS')).toBe(3_600_000);
  });

  it.each([
    ['MAIL_URL', 'smtp://mail.internal:587'],
    ['MAIL_URL', 'smtps://me:secret@mail.internal'],
    ['CARRIER_URL', 'https://carrier.example'],
  ])('take %s=%s', (variable, text) => {
    expect(settingOf({ [variable]: text }, variable)).toBe(text);
  });

  it.each(['0', '1', '604800000'])('take AUDIT_INTERVAL_MS=%s', (text) => {
    expect(settingOf({ AUDIT_INTERVAL_MS: text }, 'AUDIT_INTERVAL_MS')).toBe(Number(text));
  });

  it.each([
    ['MAIL_URL', 'smtp://'],
    ['MAIL_URL', 'mail.internal'],
    ['CARRIER_URL', 'embedded:x'],
    ['CARRIER_URL', 'https://carrier.example#key'],
    ['CARRIER_URL', 'ftp://carrier.example'],
  ])('refuse %s=%s', (variable, text) => {
    expect(() => readConfig({ [variable]: text }, { settings: services })).toThrow(
      new RegExp(`^${variable} is "${text}", but must be`),
    );
  });

  it.each(['604800001', '-1', '1.5', '1h', '1e3'])('refuse AUDIT_INTERVAL_MS=%s', (text) => {
    const fault = 'AUDIT_INTERVAL_MS is ".*", but must be a whole number of milliseconds up to 604800000';
    expect(() => readConfig({ AUDIT_INTERVAL_MS: text }, { settings: services })).toThrow(new RegExp(`^${fault}$`));
  });
});
