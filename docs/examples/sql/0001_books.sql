-- What the example keeps: the price list as it is now, and every payment once.

CREATE TABLE prices (
    package_id text    PRIMARY KEY,
    name       text    NOT NULL,
    price      bigint  NOT NULL,
    on_sale    boolean NOT NULL
);
COMMENT ON TABLE prices IS 'The last state of each package.';
COMMENT ON COLUMN prices.package_id IS 'Package.';
COMMENT ON COLUMN prices.name IS 'For people.';
COMMENT ON COLUMN prices.price IS 'Cents of KES.';
COMMENT ON COLUMN prices.on_sale IS 'Whether it can be bought.';

CREATE TABLE income (
    purchase_id text   PRIMARY KEY,
    amount      bigint NOT NULL,
    receipt     text
);
COMMENT ON TABLE income IS 'One row for each purchase that was paid.';
COMMENT ON COLUMN income.purchase_id IS 'Purchase.';
COMMENT ON COLUMN income.amount IS 'Charged, cents of KES.';
COMMENT ON COLUMN income.receipt IS 'Receipt of M-Pesa; null where it was never told.';
