"""The kind salesforce: accounts and cases by SOQL, cases upserted by an external id, the last interactions of an account."""
