// Why something was not done, for the reader: one line for whatever was thrown.

import { NoAnswer } from "../api/http";
import { t } from "../i18n";

export function reason(error: unknown): string {
  if (error instanceof NoAnswer) return t().status.noAnswer(error.message);
  return error instanceof Error ? error.message : String(error);
}
