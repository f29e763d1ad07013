<?php
/**
 * Makes the site fit for tests: no mail, and background tasks on demand.
 */

add_filter( 'pre_wp_mail', '__return_true' );
add_filter( 'auto_update_core', '__return_false' );

/**
 * Runs all background tasks that are due, and those they add, at most a hundred times.
 */
function token_bridge_tests_run_cron() {
	for ( $run = 0; $run < 100; $run++ ) {
		$due = 0;
		foreach ( wp_get_ready_cron_jobs() as $at => $hooks ) {
			foreach ( $hooks as $hook => $events ) {
				if ( 0 !== strpos( $hook, 'token_bridge' ) ) {
					continue;
				}
				foreach ( $events as $event ) {
					wp_unschedule_event( $at, $hook, $event['args'] );
					do_action_ref_array( $hook, $event['args'] );
					++$due;
				}
			}
		}
		if ( 0 === $due ) {
			return;
		}
	}
}

// Counts what a page costs, for tests that measure it.
add_filter(
	'pre_http_request',
	static function ( $answer ) {
		$GLOBALS['token_bridge_tests_calls'] = 1 + ( $GLOBALS['token_bridge_tests_calls'] ?? 0 );
		return $answer;
	}
);
add_action(
	'shutdown',
	static function () {
		if ( isset( $_GET['measure'] ) && 'cli' !== PHP_SAPI ) {
			echo '<!-- measured ' . wp_json_encode( array( 'queries' => get_num_queries(), 'calls' => $GLOBALS['token_bridge_tests_calls'] ?? 0 ) ) . ' -->';
		}
	}
);

// A page that prints its nonce, and one that spends for the visitor.
add_shortcode(
	'nonce_of_the_tests',
	static function () {
		return 'nonce=' . wp_create_nonce( 'wp_rest' );
	}
);
add_action(
	'template_redirect',
	static function () {
		if ( isset( $_GET['guest_of_the_tests'] ) ) {
			$spend = token_bridge_spend( array( 'module' => 'chat', 'tokens' => 30 ) );
			exit( 'guest spent ' . $spend->tokens() . ' ' . $spend->code() );
		}
	}
);

// Signs the visitor in without the form: with WordPress's cookie as a shop does, or for this request only.
add_action(
	'init',
	static function () {
		if ( isset( $_GET['sign_in_of_the_tests'] ) ) {
			call_user_func( 'wp_set_auth_cookie' === $_GET['sign_in_of_the_tests'] ? 'wp_set_auth_cookie' : 'wp_set_current_user', (int) $_GET['id'] );
		}
	},
	1
);

foreach ( array( 'exhausted', 'replenished' ) as $name ) {
	add_action(
		'token_bridge_' . $name,
		static function ( $user_id ) use ( $name ) {
			update_option( 'actions_of_the_tests', array_merge( (array) get_option( 'actions_of_the_tests', array() ), array( "$name $user_id" ) ) );
		}
	);
}

// Loads an example of the plugin in the requests that name it.
if ( isset( $_GET['example'] ) && 'streaming-chat' === $_GET['example'] ) {
	add_action(
		'plugins_loaded',
		static function () {
			require WP_PLUGIN_DIR . '/token-bridge/examples/streaming-chat.php';
		}
	);
}

// Prints a nonce of the person who looks at a page of the admin, as a page with the form would.
add_action(
	'admin_footer',
	static function () {
		if ( isset( $_GET['nonce_of_the_tests'] ) ) {
			echo '<!-- nonce of the tests: ' . wp_create_nonce( 'token_bridge_' . $_GET['nonce_of_the_tests'] ) . ' -->';
		}
	}
);
