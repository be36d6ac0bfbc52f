-- For lists of balances in one currency.
CREATE INDEX account_balances_by_currency ON account_balances (generation, currency_code, account_id);
