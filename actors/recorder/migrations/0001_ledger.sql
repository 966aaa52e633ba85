-- Up Migration
-- The ledger: what the audit trail (stream TRADING) says, as tables. Every table can be rebuilt by replaying the trail,
-- and replaying it again changes nothing. Times are market time (UTC). Tickets of the terminal are unsigned 64-bit
-- numbers, which bigint cannot hold.

CREATE TABLE troupe.orders (
  account text NOT NULL,
  order_id text NOT NULL,
  revision bigint NOT NULL,
  intent_id text NOT NULL,
  strategy text NOT NULL,
  symbol text NOT NULL,
  action text NOT NULL,
  side text NOT NULL,
  type text NOT NULL,
  state text NOT NULL,
  volume_lots numeric(18, 8) NOT NULL,
  filled_lots numeric(18, 8) NOT NULL,
  average_price numeric(18, 8) NOT NULL,
  price numeric(18, 8) NOT NULL,
  stop_loss numeric(18, 8) NOT NULL,
  take_profit numeric(18, 8) NOT NULL,
  ticket numeric(20, 0) NOT NULL,
  code text NOT NULL,
  reason text NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (account, order_id)
);
CREATE INDEX orders_changed ON troupe.orders (account, changed_at DESC);
COMMENT ON TABLE troupe.orders IS 'Latest state of every order. An event with an older revision never overwrites a newer one.';

CREATE TABLE troupe.fills (
  account text NOT NULL,
  deal_ticket numeric(20, 0) NOT NULL,
  order_id text NOT NULL,
  strategy text NOT NULL,
  symbol text NOT NULL,
  side text NOT NULL,
  entry text NOT NULL,
  volume_lots numeric(18, 8) NOT NULL,
  price numeric(18, 8) NOT NULL,
  profit numeric(18, 8) NOT NULL,
  commission numeric(18, 8) NOT NULL,
  swap numeric(18, 8) NOT NULL,
  fee numeric(18, 8) NOT NULL,
  order_ticket numeric(20, 0) NOT NULL,
  position_id numeric(20, 0) NOT NULL,
  magic numeric(20, 0) NOT NULL,
  reason text NOT NULL,
  executed_at timestamptz NOT NULL,
  PRIMARY KEY (account, deal_ticket)
);
CREATE INDEX fills_executed ON troupe.fills (account, executed_at DESC);
COMMENT ON TABLE troupe.fills IS 'Every execution (deal). Balance = cash flows + profit + commission + swap + fee of all fills.';

CREATE TABLE troupe.trades (
  account text NOT NULL,
  deal_ticket numeric(20, 0) NOT NULL,
  executed_at timestamptz NOT NULL,
  symbol text NOT NULL,
  strategy text NOT NULL,
  order_id text NOT NULL,
  position_id numeric(20, 0) NOT NULL,
  side text NOT NULL,
  entry text NOT NULL,
  volume_lots numeric(18, 8) NOT NULL,
  price numeric(18, 8) NOT NULL,
  profit numeric(18, 8) NOT NULL,
  costs numeric(18, 8) NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (account, deal_ticket, executed_at)
) PARTITION BY RANGE (executed_at);
CREATE INDEX trades_symbol_executed ON troupe.trades (symbol, executed_at DESC);
COMMENT ON TABLE troupe.trades IS
  'One row per execution that closed volume (entry out, inout or out_by), with what it realised: profit, and costs = '
  'commission + swap + fee of this execution. The costs of opening stand in troupe.fills alone, so the sum of trades is '
  'not the balance. Of an inout (reversal) volume_lots is the whole deal, what it opened the other way included.';

CREATE TABLE troupe.positions (
  account text NOT NULL,
  position_id numeric(20, 0) NOT NULL,
  symbol text NOT NULL,
  strategy text NOT NULL,
  side text NOT NULL,
  volume_lots numeric(18, 8) NOT NULL,
  open_price numeric(18, 8) NOT NULL,
  stop_loss numeric(18, 8) NOT NULL,
  take_profit numeric(18, 8) NOT NULL,
  changed_at timestamptz NOT NULL,
  stream_sequence bigint NOT NULL,
  PRIMARY KEY (account, position_id)
);
COMMENT ON TABLE troupe.positions IS
  'Level of every position that was ever open; volume_lots 0 is a closed one. The newest (changed_at, stream_sequence) stands.';

CREATE TABLE troupe.equity (
  account text NOT NULL,
  time timestamptz NOT NULL,
  currency text NOT NULL,
  balance numeric(18, 8) NOT NULL,
  equity numeric(18, 8) NOT NULL,
  margin numeric(18, 8) NOT NULL,
  free_margin numeric(18, 8) NOT NULL,
  trading_mode text NOT NULL,
  measured_at timestamptz NOT NULL,
  stream_sequence bigint NOT NULL,
  PRIMARY KEY (account, time)
);
COMMENT ON TABLE troupe.equity IS 'At most one row per account and minute of market time: the last level told in it.';

CREATE TABLE troupe.cash_flows (
  account text NOT NULL,
  deal_ticket numeric(20, 0) NOT NULL,
  kind text NOT NULL,
  amount numeric(18, 8) NOT NULL,
  currency text NOT NULL,
  booked_at timestamptz NOT NULL,
  PRIMARY KEY (account, deal_ticket)
);
COMMENT ON TABLE troupe.cash_flows IS 'Movements of money that are no trades: deposits, withdrawals, credits, corrections.';

-- Down Migration
DROP TABLE troupe.cash_flows, troupe.equity, troupe.positions, troupe.trades, troupe.fills, troupe.orders;
