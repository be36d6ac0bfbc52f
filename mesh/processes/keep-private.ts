/**
 * Lets only the owner of this process read what it creates from now on, whatever the shell allows, and keeps the
 * environment, which may have passwords, out of diagnostic reports (`--report-on-signal`, `--report-on-fatalerror`).
 */
export function keepPrivate(): void {
  process.umask(0o077);
  process.report.excludeEnv = true;
}
