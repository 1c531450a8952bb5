/*
 * change: the commands of a session that change the mailbox.
 */
'use strict';

module.exports = {
	async do_UID_STORE([set, item, flags])
	{
		const list = await this.chosen(set, true);
		const names = (flags || '').replace(/[()]/g, '').split(' ').filter((f) => f);
		const how = /^([+-]?)FLAGS(\.SILENT)?$/i.exec(item || '');

		if (!list)
			return;
		if (!how || !names.length || names.some((f) => !this.set.permanent.toLowerCase().includes(f.toLowerCase())))
			return this.reply('BAD', 'Command Argument Error. 11');
		for (const m of list) {
			if (how[1] === '')
				m.flags.clear();
			names.forEach((f) => (how[1] === '-' ? m.flags.delete(f) : m.flags.add(f)));
			if (!how[2])
				await this.send(`* ${this.folder.sequence(m)} FETCH (UID ${m.uid} FLAGS (${[...m.flags].join(' ')}))`);
		}
		return this.done('STORE');
	},

	async expunge(list)
	{
		for (const m of list) {
			await this.send(`* ${this.folder.sequence(m)} EXPUNGE`);
			this.folder.remove(m);
		}
	},

	async do_UID_EXPUNGE([set])
	{
		const list = await this.chosen(set, true);

		if (!list)
			return;
		if (this.set.without.includes('UIDPLUS'))
			return this.reply('BAD', 'Command Error. 12');
		await this.expunge(list.filter((m) => m.flags.has('\\Deleted')));
		return this.done('EXPUNGE');
	},

	async do_EXPUNGE()
	{
		await this.expunge(this.folder.messages.filter((m) => m.flags.has('\\Deleted')));
		await this.done('EXPUNGE');
	},

	/* The response code for messages that were copied, in the form that the scenario wants. */
	copyuid(target, list, copies)
	{
		if (this.set.copyuid === 'missing' || this.set.without.includes('UIDPLUS') || !list.length)
			return '';
		if (this.set.copyuid === 'empty')
			return `[COPYUID ${target.uidvalidity}  ]`;
		return `[COPYUID ${target.uidvalidity} ${list.map((m) => m.uid).join(',')} ${copies.map((m) => m.uid).join(',')}]`;
	},

	async target(name)
	{
		const target = this.mailbox.find(name || '');

		if (!target)
			await this.reply('NO', `[TRYCREATE] The requested item could not be found.`);
		return target;
	},

	async do_UID_COPY([set, name])
	{
		const list = await this.chosen(set, false);
		const target = list && await this.target(name);

		if (!target)
			return;
		const code = this.copyuid(target, list, list.map((m) => m.copyTo(target)));

		return this.reply('OK', `${code && `${code} `}COPY completed.`);
	},

	async do_UID_MOVE([set, name])
	{
		if (this.set.without.includes('MOVE'))
			return this.reply('BAD', 'Command Error. 12');
		const list = await this.chosen(set, true);
		const target = list && await this.target(name);

		if (!target)
			return;
		const code = this.copyuid(target, list, list.map((m) => m.copyTo(target)));
		const line = `${this.set.copyuid === 'bare' ? '' : '* OK '}${code}`;

		if (code && !['after', 'tagged'].includes(this.set.copyuid))
			await this.send(line);
		await this.expunge(list);
		if (code && this.set.copyuid === 'after')
			await this.send(line);
		return this.reply('OK', `${code && this.set.copyuid === 'tagged' ? `${code} ` : ''}MOVE completed.`);
	},
};
