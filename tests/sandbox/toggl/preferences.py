"""What ``/me/preferences`` holds: one flat object of some 140 members, mostly of the screen."""

from __future__ import annotations

from typing import Any, Final

OFF: Final = """
activity_timeline_display_activity activity_timeline_sync_events analyticsAdvancedFilters
auto_tracker_delay_enabled auto_tracker_stop_on_no_rule_match_enabled automatic_tagging
autotracking_enabled collapseDetailedReportEntries duration_format_on_timer_duration_field
edit_popup_integration_timer focus_app_on_time_entry_started focus_app_on_time_entry_stopped
hide_keyboard_shortcut hide_sidebar_right idle_detection_enabled ios_is_goals_view_shown
keep_mini_timer_on_top keep_window_on_top keyboard_shortcuts_share_time_entries
mac_is_goals_view_shown manualMode manualModeOverlaySeen pomodoro_auto_start_break
pomodoro_auto_start_focus pomodoro_break_start_sound_enabled pomodoro_countdown_timer
pomodoro_enabled pomodoro_global_sound_enabled pomodoro_interval_end_sound
pomodoro_prevent_screen_lock pomodoro_session_start_sound_enabled pomodoro_show_notifications
pomodoro_stop_timer_at_interval_end pomodoro_track_breaks_as_time_entries reminder_enabled
reportRounding reportsHideWeekends run_app_on_startup running_timer_notification_enabled
seenFollowModal seenFooterPopup seenProjectDashboardOverlay seenTogglButtonModal
send_product_emails send_weekly_report show_all_entries show_description_in_menu_bar
show_project_in_menu_bar show_qr_scanner show_seconds_in_menu_bar show_timer_in_menu_bar
show_today_total_in_menu_bar show_total_billable_hours start_automatically stop_at_day_end
stop_at_specific_time stop_automatically stop_entry_on_shutdown summaryReportDistinctRates
summaryReportSortAsc toSAcceptNeeded use_mini_timer
"""

ON: Final = """
cell_swipe_actions_enabled collapseTimeEntries extension_send_error_reports
extension_send_usage_statistics haptic_feedback_enabled is_goals_view_expanded
is_goals_view_shown is_summary_total_view_visible keyboard_shortcuts_enabled
project_shortcut_enabled record_timeline send_added_to_project_notification
send_daily_project_invites send_product_release_notification send_system_message_notification
send_timer_notifications sharing_shortcut_enabled showTimeInTitle show_changelog show_dock_icon
show_events_in_calendar show_timeline_in_day_view show_weekend_on_timer_page
show_workouts_in_calendar stopped_timer_notification_enabled suggestions_enabled
tags_shortcut_enabled time_entry_ghost_suggestions_enabled
time_entry_invitations_notification_enabled webTimeEntryStarted webTimeEntryStopped
"""

NUMBERS: Final = {
    "auto_tracker_delay_in_seconds": 10,
    "beginningOfWeek": 1,
    "calendar_visible_hours_end": 24,
    "calendar_visible_hours_start": 0,
    "default_project_id": 0,
    "default_task_id": 0,
    "firstSeenBusinessPromo": 0,
    "idle_detection_interval_in_minutes": 5,
    "keyboard_increment_timer_page": 5,
    "pomodoro_break_interval_in_minutes": 5,
    "pomodoro_break_project_id": 0,
    "pomodoro_break_tag_id": 0,
    "pomodoro_focus_interval_in_minutes": 25,
    "pomodoro_interval_end_volume": 50,
    "pomodoro_longer_break_duration_in_minutes": 15,
    "pomodoro_rounds_before_longer_break": 4,
    "reminder_interval_in_minutes": 10,
    "reminder_snoozing_in_minutes": 5,
    "reportRoundingStepInMinutes": 15,
    "workout_default_project_id": 0,
    "workout_default_tag_id": 0,
}

TEXTS: Final = {
    "activity_timeline_grouping_interval": "minutes_15",
    "activity_timeline_grouping_method": "app",
    "activity_timeline_recording_level": "minimal",
    "calendar_snap_duration": "minutes_15",
    "calendar_snap_initial_location": "grid",
    "calendar_zoom_level": "normal",
    "charts_view_type": "bar",
    "dashboards_view_type": "me",
    "date_format": "MM/DD/YYYY",
    "decimal_separator": ".",
    "displayDensity": "",
    "duration_format": "improved",
    "inactivity_behavior": "keep",
    "manualEntryMode": "timer",
    "modify_on_start_time_change": "duration",
    "offlineMode": "",
    "pomodoro_focus_sound": "none",
    "projectDashboardActivityMode": "",
    "remember_last_project": "off",
    "reminder_days": "12345",
    "reminder_period": "08:00-18:00",
    "reportRoundingDirection": "up",
    "running_entry_warning": "off",
    "sleep_behaviour": "keep",
    "smart_alerts_option": "none",
    "snowballReportRounding": "",
    "stack_times_on_manual_mode_after": "never",
    "start_shortcut_mode": "continue",
    "stop_specified_time": "17:00",
    "summaryReportAmounts": "",
    "summaryReportGrouping": "projects",
    "summaryReportSortField": "title",
    "summaryReportSubGrouping": "time_entries",
    "summary_total_mode": "total",
    "time_entry_display_mode": "collapse",
    "time_entry_start_stop_input_mode": "time",
    "timeofday_format": "h:mm A",
    "timerView": "calendar",
    "timerViewMobile": "list",
    "visibleFooter": "",
    "weeklyReportGrouping": "projects",
    "weeklyReportValueToShow": "duration",
    "windows_theme": "system",
}

OBJECTS: Final[dict[str, Any]] = {
    "alpha_features": [
        {"alpha_feature_id": 12, "code": "sandbox_feature", "enabled": False},
    ],
    "default_project_task": None,
    "macos_auto_tracking_rules": [],
    "macos_show_hide_toggl_keyboard_shortcut": None,
    "pomodoro_break_project": None,
    "windows_auto_tracking_rules": [],
}


def preferences(zone: str) -> dict[str, Any]:
    """Return a person's preferences: no id, no time of change."""
    off, on = dict.fromkeys(OFF.split(), False), dict.fromkeys(ON.split(), True)
    return {**off, **on, **NUMBERS, **TEXTS, **OBJECTS, "pg_time_zone_name": zone}
