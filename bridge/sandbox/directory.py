"""Who and where: accounts, inboxes, bots, users and webhooks. What an administrator would set up by hand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import count

from bridge.sandbox.records import Account, Bot, Channel, DashboardApp, Inbox, Team, User, Webhook
from bridge.sandbox.settings import (
    BotSettings,
    SandboxSettings,
    UserSettings,
    WebhookSettings,
)


class Directory:
    """The parts of a Chatwoot that outlive a conversation. Ids are counted per kind, from 1."""

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.inboxes: dict[int, Inbox] = {}
        self.users: dict[int, User] = {}
        self.bots: dict[int, Bot] = {}
        self.webhooks: dict[int, Webhook] = {}
        self.teams: dict[int, Team] = {}
        self.dashboard_apps: dict[int, DashboardApp] = {}
        self.dialogflow: set[int] = set()
        self.captain: set[int] = set()
        self._ids: defaultdict[type, count[int]] = defaultdict(lambda: count(1))

    def add_account(self, name: str, url: str = "") -> Account:
        account = Account(self._next(Account), name, url)
        self.accounts[account.id] = account
        return account

    def add_bot(self, account: Account, bot: BotSettings) -> Bot:
        added = Bot(self._next(Bot), account.id, bot.name, bot.url, bot.secret, bot.token, bot.description)
        self.bots[added.id] = added
        return added

    def add_inbox(
        self, account: Account, name: str, channel: Channel, bot: Bot | None = None, greeting: str = ""
    ) -> Inbox:
        inbox = Inbox(self._next(Inbox), account.id, name, channel, bot, greeting)
        self.inboxes[inbox.id] = inbox
        return inbox

    def add_user(self, account: Account, user: UserSettings) -> User:
        added = User(self._next(User), account.id, user.name, user.email, user.token, user.role, user.inboxes)
        self.users[added.id] = added
        return added

    def add_team(self, account: Account, name: str, *members: User, assigns: bool = False) -> Team:
        team = Team(self._next(Team), account.id, name, tuple(member.id for member in members), assigns)
        self.teams[team.id] = team
        return team

    def add_webhook(self, account: Account, webhook: WebhookSettings) -> Webhook:
        added = Webhook(
            self._next(Webhook), account.id, webhook.url, webhook.secret, tuple(webhook.subscriptions)
        )
        self.webhooks[added.id] = added
        return added

    def change_bot(self, bot: Bot) -> None:
        """A bot as it is now, in the inboxes that it answers in too."""
        self.bots[bot.id] = bot
        for inbox in self.inboxes.values():
            if inbox.bot is not None and inbox.bot.id == bot.id:
                self.inboxes[inbox.id] = replace(inbox, bot=bot)

    def attach(self, inbox: Inbox, bot: Bot | None) -> None:
        """An inbox has one bot, or none [agent_bot_inbox.rb]."""
        self.inboxes[inbox.id] = replace(self.inboxes[inbox.id], bot=bot, bot_is_on=True)

    def add_dashboard_app(self, account_id: int, title: str, urls: tuple[str, ...]) -> DashboardApp:
        added = DashboardApp(self._next(DashboardApp), account_id, title, urls)
        self.dashboard_apps[added.id] = added
        return added

    def has_brain(self, inbox: Inbox) -> bool:
        """Whether Captain or Dialogflow answers there; what they say is not played."""
        return inbox.id in self.dialogflow | self.captain

    def unsigned(self, account_id: int, url: str) -> Webhook:
        """Where an automation rule sends to: nobody's subscription, and without a secret."""
        return Webhook(0, account_id, url, "", ())

    def owner_of(self, token: str) -> User | Bot | None:
        """Whose access token it is."""
        owners: list[User | Bot] = [*self.users.values(), *self.bots.values()]
        return next((owner for owner in owners if owner.token == token), None)

    def subscribers(self, account_id: int, event: str) -> tuple[Webhook, ...]:
        """The account's webhooks for `event`: of every inbox, whichever they name [webhook_listener.rb]."""
        return tuple(
            webhook
            for webhook in self.webhooks.values()
            if webhook.account_id == account_id and event in webhook.subscriptions
        )

    def _next(self, kind: type) -> int:
        return next(self._ids[kind])


def furnish(settings: SandboxSettings) -> Directory:
    """The directory of a sandbox: its account's web inbox is id 1, its API inbox id 2, others follow."""
    directory = Directory()
    account = directory.add_account(settings.account_name, settings.public_url)
    bot = directory.add_bot(account, settings.bot)
    directory.add_inbox(account, settings.inbox_name, "Channel::WebWidget", bot, settings.greeting)
    directory.add_inbox(account, f"{settings.account_name} API", "Channel::Api")
    for inbox in settings.inboxes:
        owner = bot if inbox.has_bot else None
        directory.add_inbox(account, inbox.name, inbox.channel, owner, inbox.greeting)
    for user in (settings.agent, settings.administrator, *settings.users):
        directory.add_user(account, user)
    for team in settings.teams:
        directory.add_team(account, team, directory.users[1], assigns=True)
    for webhook in settings.webhooks:
        directory.add_webhook(account, webhook)
    return directory
