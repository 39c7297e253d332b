"""Questions that were asked of networks with passband: a plan, a campaign and a report for each."""
