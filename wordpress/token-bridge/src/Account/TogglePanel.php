<?php
/**
 * Hides and shows the usage panel.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Account;

use TokenBridge\Admin\Menu;
use TokenBridge\Admin\PostHandler;

defined( 'ABSPATH' ) || exit;

final class TogglePanel extends PostHandler {

	public function action(): string {
		return 'panel';
	}

	protected function capability(): string {
		return 'read';
	}

	protected function handle(): string {
		$user_id = get_current_user_id();
		if ( get_user_meta( $user_id, AccountScreen::HIDE_META, true ) ) {
			delete_user_meta( $user_id, AccountScreen::HIDE_META );
		} else {
			update_user_meta( $user_id, AccountScreen::HIDE_META, '1' );
		}
		return Menu::url( AccountScreen::SLUG );
	}
}
