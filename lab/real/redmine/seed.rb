# One project with the fields that Tieline needs, a role, the gateway's user and a technician; their API keys go into KEYS_FILE.
Setting.rest_api_enabled = 1
Setting.notified_events = []
Setting.login_required = 1
project = Project.find_by_identifier('plant') || Project.create!(name: 'Plant', identifier: 'plant', is_public: false)
%w[Machine Asset Event\ ID Spare\ part Tieline\ ref].each do |name|
  IssueCustomField.find_by_name(name) || IssueCustomField.create!(
    name: name, field_format: 'string', is_for_all: true, is_filter: true, searchable: true, trackers: Tracker.all, visible: true
  )
end
project.trackers = Tracker.all
project.save!
rights = %i[view_issues add_issues edit_issues add_issue_notes view_project]
role = Role.find_by_name('Gateway') || Role.create!(name: 'Gateway', issues_visibility: 'all', permissions: rights)
statuses = IssueStatus.all.to_a
Tracker.all.each do |tracker|
  statuses.each do |old|
    statuses.each do |new|
      next if old == new || (old.name == 'Closed' && new.name == 'Rejected') # one step that the workflow forbids

      WorkflowTransition.create!(tracker: tracker, role: role, old_status: old, new_status: new)
    end
  end
end
keys = %w[gateway tech].to_h do |login|
  user = User.find_by_login(login) || User.new(firstname: login.capitalize, lastname: 'User', mail: "#{login}@example.com", language: 'en')
  user.login = login
  user.password = "#{login}-pass-2026"
  user.save!
  Member.create!(project: project, principal: user, roles: [role]) if Member.where(project: project, user_id: user.id).none?
  [login, user.api_key]
end
File.write(ENV.fetch('KEYS_FILE'), keys.to_json)
